//! The system under trial: its description, and the form in which trials use it.

pub(crate) mod subject;
pub(crate) mod trial;
