//! Reads the journal: from a given start, past undeliverable messages, and on after a lost connection.

pub(crate) mod at;
pub(crate) mod differs;
pub(crate) mod end;
pub(crate) mod error;
pub(crate) mod kept;
pub(crate) mod reader;
pub(crate) mod records;
