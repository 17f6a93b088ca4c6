//! The program: commands, start, reload, stop.

pub(crate) mod api_key;
pub(crate) mod command;
pub(crate) mod keys;
pub(crate) mod logging;
pub(crate) mod openapi;
pub(crate) mod run;
pub(crate) mod token;
