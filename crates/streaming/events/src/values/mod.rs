//! What events are made of.

pub(crate) mod ids;
