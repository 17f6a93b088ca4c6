//! Follows the journal: entries are kept, and the sagas that they are about are judged.

pub(crate) mod follow;
pub(crate) mod hindrances;
pub(crate) mod journal_identity;
mod journal_rows;
pub(crate) mod judge;
pub(crate) mod ledger_check;
pub(crate) mod upkeep;
