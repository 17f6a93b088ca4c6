//! The processes that this program starts.

pub(crate) mod cargo;
