//! `ballet dlq` and `ballet sagas`: the program on a real broker and databases, with its user's rights.

#![allow(clippy::large_futures, reason = "a test awaits its parts one after the other")]

mod accounts;
mod agent;
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
mod tls;
mod topology;
mod undeliverable;
mod world;
