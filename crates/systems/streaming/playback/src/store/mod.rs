//! The rows of playback.

pub(crate) mod ending;
pub(crate) mod position;
pub(crate) mod session;
