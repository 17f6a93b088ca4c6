//! The console's database: all SQL on it, one file per topic.

pub(crate) mod accounts;
pub(crate) mod actions;
pub(crate) mod append;
pub(crate) mod counts;
pub(crate) mod days;
pub(crate) mod entry_row;
pub(crate) mod flow;
pub(crate) mod judgements;
pub(crate) mod late;
pub(crate) mod prepare;
pub(crate) mod saga_entries;
pub(crate) mod saga_row;
pub(crate) mod search;
pub(crate) mod tail;
pub(crate) mod times;
pub(crate) mod violations;
