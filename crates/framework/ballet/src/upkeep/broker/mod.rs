//! The watch over the service's part of the broker.

pub(crate) mod bindings;
pub(crate) mod declared_queues;
pub(crate) mod queues;
