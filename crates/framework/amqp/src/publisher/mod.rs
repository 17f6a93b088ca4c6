//! The publish role: one supervised connection that publishes batches in order without waiting for
//! each confirm, and reports each batch that the broker has.

pub(crate) mod batch;
mod batches;
mod flight;
pub(crate) mod handle;
mod holds;
mod memory;
pub(crate) mod outgoing;
mod poison;
mod publish_loop;
mod queue;
pub(crate) mod settings;
mod stop;
mod supervisor;
