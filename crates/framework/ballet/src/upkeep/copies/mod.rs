//! Entities that are copied: the readers' copies, and the owner's publishing anew.

pub(crate) mod keeper;
pub(crate) mod republish;
