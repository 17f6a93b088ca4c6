//! The OpenAPI document of the whole system, assembled from the services' own.

pub(crate) mod assemble;
pub(crate) mod components;
pub(crate) mod operation;
pub(crate) mod page;
pub(crate) mod source;
