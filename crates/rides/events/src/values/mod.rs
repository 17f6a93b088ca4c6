//! What events are made of.

pub(crate) mod ids;
pub(crate) mod point;
