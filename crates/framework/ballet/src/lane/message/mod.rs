//! Messages on their way through a lane.

pub(crate) mod content;
#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod message;
pub(crate) mod spans;
