//! The system under trial: its own description, and the form in which all trials use it.

pub(crate) mod subject;
pub(crate) mod trial;
