//! Reads the journal: from a start, past undeliverable messages, and on after a lost connection.

pub(crate) mod end;
pub(crate) mod error;
pub(crate) mod lookup;
pub(crate) mod range;
pub(crate) mod reader;
pub(crate) mod records;
