//! The work of a lane in one transaction.

pub(crate) mod admission;
#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod batch;
pub(crate) mod dispatch;
pub(crate) mod named_rows;
pub(crate) mod outcome_counts;
pub(crate) mod pace;
pub(crate) mod plan;
pub(crate) mod runs;
pub(crate) mod works;
