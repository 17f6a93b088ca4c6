//! `ballet dlq` and `ballet sagas` as an operator uses them: the program itself, on a real broker and real
//! databases, as the user that may do no more than this.

mod bodies;
mod causes;
mod doctor;
mod handling;
mod headers;
mod inbox;
mod interrupted;
mod lost;
mod memory;
mod missed;
mod outside;
mod picking;
mod pty;
mod publish;
#[allow(clippy::unwrap_used, reason = "a test may panic in its helpers, too")]
#[path = "../../../ballet/tests/transport/raw_amqp.rs"]
mod raw_amqp;
mod restored;
mod rights;
mod sagas;
mod shop;
mod solved;
mod terminal;
mod tls;
mod undeliverable;
mod world;
