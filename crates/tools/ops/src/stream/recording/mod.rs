//! Recordings: files of records that people read with `jq`, and that preserve the bytes of every body.

pub(crate) mod error;
pub(crate) mod header;
pub(crate) mod line;
pub(crate) mod lines;
pub(crate) mod properties;
pub(crate) mod read;
pub(crate) mod value;
pub(crate) mod write;
