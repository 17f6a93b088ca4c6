//! Reads the journal: from a place on, past what no reader gets, and on after a lost connection.

pub(crate) mod at;
pub(crate) mod differs;
pub(crate) mod end;
pub(crate) mod error;
pub(crate) mod kept;
pub(crate) mod reader;
pub(crate) mod records;
