//! The publish role: one supervised connection that publishes batches in order, with confirms in
//! flight, and reports when the broker has a whole batch.

pub(crate) mod batch;
mod batches;
mod flight;
pub(crate) mod handle;
mod memory;
mod poison;
mod publish_loop;
mod queue;
pub(crate) mod settings;
mod stop;
mod supervisor;
