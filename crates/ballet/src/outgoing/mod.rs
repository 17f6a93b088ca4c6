//! From a committed transaction to the publisher.

pub(crate) mod begun;
pub(crate) mod held;
pub(crate) mod publishing;
pub(crate) mod relay;
pub(crate) mod spans;
pub(crate) mod turns;
pub(crate) mod wire;
