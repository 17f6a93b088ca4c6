//! The config file: what it may say, and what is wrong with it.

pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod read;
pub(crate) mod rules;
pub(crate) mod secret;
pub(crate) mod units;
pub(crate) mod words;
