//! The processes that this program starts, and the signals that end it.

pub(crate) mod cargo;
pub(crate) mod stop;
