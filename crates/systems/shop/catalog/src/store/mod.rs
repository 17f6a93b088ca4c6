//! The rows of catalog.

pub(crate) mod product;
pub(crate) mod search;
