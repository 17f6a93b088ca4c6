//! Reads streams of telemetry. A keeper shares the streams among the replicas. A held stream has a
//! task that receives batches, and another that writes them. A follower has a task for each stream
//! in each process, and one that shows how far they are behind.

mod batch;
mod ends;
pub(crate) mod follow;
pub(crate) mod keeper;
mod receive;
mod start;
pub(crate) mod state;
mod stream;
mod write;
