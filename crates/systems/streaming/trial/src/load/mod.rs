//! Streaming as the subject of trials: its services, the scenarios of its viewers, their expected ends, and the audit
//! of its databases.

mod cases;
mod client;
mod operations;
mod services;
mod trial;
mod viewers;
mod watcher;

use std::sync::Arc;

use ballet_trials::Subject;

use crate::load::trial::Streaming;

/// Streaming, for trials.
#[must_use]
pub fn subject() -> Arc<Subject> {
    Subject::new(Streaming::default())
}
