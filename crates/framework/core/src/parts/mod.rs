//! The parts of services in sagas, as data, and the steps of a saga over all parts.

pub(crate) mod node;
pub mod own_handlers;
pub mod part;
pub mod saga;
pub mod trigger;
pub mod versions;
