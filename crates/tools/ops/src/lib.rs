//! The operations on a running system: handle dead letters, send missed events, audit the services' tables, explain
//! sagas, find what is stuck, and diagnose servers and services. The `ballet` command is built on this crate.

#![warn(missing_docs)]

pub mod audit;
mod databases;
pub mod doctor;
pub mod management;
pub mod missed;
pub mod monitor;
pub mod publish;
pub mod redrive;
pub mod repair;
pub mod restored;
pub mod sagas;
pub mod standing;
pub mod stream;
#[cfg(feature = "terminal")]
pub mod terminal;
pub mod words;

pub use databases::connect_to;
