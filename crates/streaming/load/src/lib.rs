//! What streaming says about itself, so that it can be tried: its services, what its viewers do and how
//! often, how that must end, and what must hold between its databases.

#![warn(missing_docs)]

mod cases;
mod client;
mod operations;
mod services;
mod trial;
mod viewers;
mod watcher;

use std::sync::Arc;

use ballet_trials::Subject;

pub use trial::Streaming;

/// Streaming, for trials.
#[must_use]
pub fn subject() -> Arc<Subject> {
    Subject::new(Streaming::default())
}
