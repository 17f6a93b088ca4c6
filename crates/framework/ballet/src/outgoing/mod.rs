//! From a committed transaction to the publisher.

pub(crate) mod begun_batch;
pub(crate) mod held_batches;
pub(crate) mod packs;
pub(crate) mod publishing;
pub(crate) mod relay;
pub(crate) mod sampler;
pub(crate) mod spans;
pub(crate) mod turns;
