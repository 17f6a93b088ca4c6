//! The work of a lane in one transaction.

#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod batch;
pub(crate) mod bulk_runs;
pub(crate) mod dispatch;
pub(crate) mod named_rows;
pub(crate) mod old_messages;
pub(crate) mod outcome_counts;
pub(crate) mod pace;
pub(crate) mod plan;
pub(crate) mod run_items;
