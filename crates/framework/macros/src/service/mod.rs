//! `#[service]`: the methods of an `impl` as the steps of a service.

pub(crate) mod duration;
pub(crate) mod emit;
pub(crate) mod expand;
pub(crate) mod handler;
pub(crate) mod kind;
pub(crate) mod method;
pub(crate) mod migrations;
pub(crate) mod participant;
pub(crate) mod signature;
pub(crate) mod step;
pub(crate) mod watch;
pub(crate) mod words;
