//! Streaming as the subject of trials: its services, the scenarios of its viewers, their expected ends, and the audit
//! of its databases.

mod cases;
mod client;
mod operations;
mod services;
mod trial;
mod viewers;
mod watcher;

pub use trial::Streaming;
