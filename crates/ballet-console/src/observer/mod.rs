//! Follows the journal: entries are kept, and the sagas that they are about are judged.

pub(crate) mod another;
pub(crate) mod asked;
pub(crate) mod follow;
pub(crate) mod hindrances;
pub(crate) mod judge;
mod reading;
pub(crate) mod upkeep;
