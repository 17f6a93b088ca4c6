//! From a committed transaction to the publisher.

pub(crate) mod relay;
pub(crate) mod wire;
