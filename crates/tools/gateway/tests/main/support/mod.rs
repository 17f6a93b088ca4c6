//! A gateway as a process, services that answer as a test wants, and clients.

pub(crate) mod gateway;
pub(crate) mod raw;
pub(crate) mod service;
pub(crate) mod tokens;
