//! The operations on a running system: handle dead letters, send events that a service missed, audit
//! the services' tables, explain what a saga waits for, find stuck sagas and unpublishable events, and say what is
//! wrong with the servers and services.
//! The `ballet` command is built on this crate.

#![warn(missing_docs)]

pub mod audit;
mod databases;
pub mod doctor;
pub mod management;
pub mod missed;
pub mod publish;
pub mod redrive;
pub mod repair;
pub mod restored;
pub mod sagas;
pub mod standing;
pub mod stream;
pub mod words;

pub use databases::connect_to;
