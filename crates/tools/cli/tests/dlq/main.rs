//! `ballet dlq` and `ballet sagas` as an operator uses them: the program, on real servers, with only the operator's
//! permissions.

#![allow(clippy::large_futures, reason = "a test awaits its parts one after the other")]

mod accounts;
mod audit;
mod bodies;
mod companies;
mod doctor;
mod faults;
mod handling;
mod headers;
mod hostile;
mod inbox;
mod interruptions;
mod listed_sagas;
mod lost_journal;
mod memory;
mod missed_events;
mod persons;
mod publish;
mod restore;
mod restore_letters;
mod restore_outside;
mod rights;
mod sagas;
mod selection;
mod shop;
mod solved;
mod terminal;
mod tls;
mod topology;
mod undeliverable;
mod world;
