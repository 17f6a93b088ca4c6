//! The rows of analytics.

pub(crate) mod counts;
pub(crate) mod reports;
pub(crate) mod sessions;
