//! The values in the fields of events.

pub(crate) mod ids;
pub(crate) mod point;
