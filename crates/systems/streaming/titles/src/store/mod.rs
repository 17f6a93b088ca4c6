//! The rows of titles.

pub(crate) mod license;
pub(crate) mod search;
pub(crate) mod title;
