//! The calls to the outside that this process holds.

pub(crate) mod line;
pub(crate) mod open_calls;
pub(crate) mod provider;
