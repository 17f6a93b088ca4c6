//! The rows of recommendations.

pub(crate) mod learned;
pub(crate) mod lists;
pub(crate) mod recommended;
