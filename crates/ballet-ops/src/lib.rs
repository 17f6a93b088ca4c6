//! What operators do with a running system: handle dead letters, send what a service missed, audit
//! the services' tables, see what a saga waits for, and find out what is stuck or could not be
//! published. The `ballet` command is built on this crate.

#![warn(missing_docs)]

pub mod audit;
pub mod copies;
pub mod coverage;
mod databases;
pub mod figures;
pub mod finding;
pub mod missed;
pub mod publish;
pub mod redrive;
pub mod restored;
pub mod sagas;
pub mod words;
