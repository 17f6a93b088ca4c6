//! Lanes: from a delivery to a batch of handlers in one transaction.

pub(crate) mod batch;
pub(crate) mod bulk_runs;
pub(crate) mod content;
pub(crate) mod copies;
pub(crate) mod counted;
pub(crate) mod dead_letter;
pub(crate) mod dispatch;
pub(crate) mod intake;
#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod lane;
pub(crate) mod later;
pub(crate) mod message;
pub(crate) mod named_rows;
pub(crate) mod pace;
pub(crate) mod part;
pub(crate) mod plan;
pub(crate) mod refusals;
pub(crate) mod remembered;
pub(crate) mod reused_ids;
pub(crate) mod run_items;
pub(crate) mod traced;
