//! The config file: its fields, its rules and its mistakes.

pub(crate) mod defaults;
pub(crate) mod file;
pub(crate) mod read;
pub(crate) mod rules;
pub(crate) mod secret;
pub(crate) mod units;
pub(crate) mod words;
