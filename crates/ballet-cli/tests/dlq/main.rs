//! `ballet dlq` as an operator uses it: the program itself, on a real broker and real databases,
//! as the user that may do no more than this.

mod bodies;
mod handling;
mod headers;
mod interrupted;
mod memory;
mod missed;
mod picking;
#[allow(clippy::unwrap_used, reason = "a test may panic in its helpers, too")]
#[path = "../../../ballet/tests/transport/raw_amqp.rs"]
mod raw_amqp;
mod rights;
mod shop;
mod tls;
mod undeliverable;
mod world;
