//! A service as a whole: configuration, start, run and stop.

pub(crate) mod background;
pub(crate) mod check;
pub(crate) mod error;
mod frame;
mod front;
mod home;
pub(crate) mod logging;
pub(crate) mod metrics;
mod migrations;
pub(crate) mod otlp;
pub(crate) mod pool;
pub(crate) mod prepare;
pub(crate) mod program;
pub(crate) mod recorder;
pub(crate) mod roles;
pub(crate) mod running;
pub(crate) mod serve;
#[expect(clippy::module_inception, reason = "the folder is named after this file")]
pub(crate) mod service;
pub(crate) mod settings;
pub(crate) mod tasks;
