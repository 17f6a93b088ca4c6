//! How a service stands at this moment, from its database, and which sagas that keeps from going on.

pub mod hindrance;
pub(crate) mod locks;
pub mod lost;
pub(crate) mod service;
