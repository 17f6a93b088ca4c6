//! A gateway as a process, services that answer as a test wants, and clients.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may panic in its helpers, too")]

pub(crate) mod gateway;
pub(crate) mod raw;
pub(crate) mod service;
pub(crate) mod tokens;
