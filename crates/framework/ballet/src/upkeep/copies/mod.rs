//! Entities that are copied: the readers' copies, and what the owner publishes again.

pub(crate) mod keeper;
pub(crate) mod republish;
