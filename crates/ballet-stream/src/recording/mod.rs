//! Recordings: files of records that a person reads with `jq`, and that give back the same bytes.

pub(crate) mod alone;
pub(crate) mod error;
pub(crate) mod header;
pub(crate) mod line;
pub(crate) mod lines;
pub(crate) mod rabtap;
pub(crate) mod read;
pub(crate) mod value;
pub(crate) mod write;
mod written;
