//! Lanes: from a delivery to a batch of handlers in one transaction.

pub(crate) mod batch;
pub(crate) mod dead_letters;
pub(crate) mod fallback;
pub(crate) mod intake;
#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod lane;
pub(crate) mod message;
pub(crate) mod part;
pub(crate) mod settle;
pub(crate) mod state;
