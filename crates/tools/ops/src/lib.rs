//! The operations on a running system: handle dead letters, send missed events, audit the services' tables, explain
//! sagas, find what is stuck, and diagnose servers and services. The `ballet` command is built on this crate.

#![warn(missing_docs)]

pub mod audit;
mod databases;
#[cfg(feature = "operations")]
pub mod doctor;
#[cfg(feature = "operations")]
pub mod management;
#[cfg(feature = "operations")]
pub mod missed;
#[cfg(feature = "operations")]
pub mod monitor;
mod note;
#[cfg(feature = "operations")]
pub mod publish;
#[cfg(feature = "operations")]
pub mod redrive;
#[cfg(feature = "operations")]
pub mod repair;
#[cfg(feature = "operations")]
pub mod restored;
pub mod sagas;
pub mod standing;
#[cfg(feature = "operations")]
pub mod stream;
#[cfg(feature = "terminal")]
pub mod terminal;
pub mod words;

pub use databases::connect_to;
pub use note::Note;
