//! The gateway as a process, with odd services, databases and clients.

#![allow(clippy::unwrap_used, reason = "a test may panic in its helpers, too")]

mod alarms;
mod auth;
mod config;
mod crowds;
mod database;
mod idempotency;
mod ingress;
mod key_sets;
mod openapi;
mod operation;
mod proxy;
mod rates;
mod support;
mod upstreams;
