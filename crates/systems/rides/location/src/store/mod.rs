//! The rows of location.

pub(crate) mod driver;
pub(crate) mod work;
