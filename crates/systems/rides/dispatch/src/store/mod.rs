//! The rows of dispatch.

pub(crate) mod erasure;
pub(crate) mod offer;
pub(crate) mod payment;
pub(crate) mod quote;
pub(crate) mod ride;
