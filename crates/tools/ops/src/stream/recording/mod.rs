//! Recordings: files of records that people read with `jq`, and that preserve every byte.

pub(crate) mod error;
pub(crate) mod file_lock;
pub(crate) mod header;
pub(crate) mod line;
pub(crate) mod lines;
pub(crate) mod read;
pub(crate) mod record_line;
pub(crate) mod value;
pub(crate) mod write;
