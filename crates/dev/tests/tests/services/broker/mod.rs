//! The consume and publish roles, on the broker in memory and on RabbitMQ.

#![allow(clippy::unwrap_used, reason = "a test may panic in its helpers, too")]

mod consumer;
mod held_messages;
mod publisher;
mod rabbitmq;
mod sessions;
