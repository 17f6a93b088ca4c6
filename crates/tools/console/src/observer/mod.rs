//! Follows the journal: stores its entries, and judges their sagas and what breaks a property.

pub(crate) mod follow;
pub(crate) mod journal_rows;
pub(crate) mod judge;
pub(crate) mod ledger_check;
pub(crate) mod system_findings;
pub(crate) mod upkeep;
pub(crate) mod violations;
