//! The traits that a service implements: steps, owners and projections.

pub(crate) mod bulk;
pub(crate) mod call_step;
pub(crate) mod owner;
pub(crate) mod projection;
pub(crate) mod retry;
pub(crate) mod row_locks;
#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod step;
pub(crate) mod watch;
