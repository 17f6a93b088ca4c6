//! The rows of recommendations.

pub(crate) mod learned;
pub(crate) mod recommended;
