//! The system under trial: what it says about itself, and as every trial sees it.

pub(crate) mod subject;
pub(crate) mod trial;
