//! The rows of analytics.

pub(crate) mod counted;
pub(crate) mod sessions;
pub(crate) mod watched;
