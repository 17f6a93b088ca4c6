//! What rides says about itself, so that it can be tried: its services, what its riders and drivers do and how
//! often, how that must end, and what must hold between its databases.

#![warn(missing_docs)]

mod cases;
mod client;
mod customers;
mod doors;
mod machines;
mod operations;
mod services;
mod town;
mod trial;
mod watcher;

use std::sync::Arc;

use ballet_trials::Subject;

pub use trial::Rides;

/// Rides, for trials.
#[must_use]
pub fn subject() -> Arc<Subject> {
    Subject::new(Rides::default())
}
