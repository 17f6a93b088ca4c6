//! The live monitor: judges each saga by the journal's entries as they come, and counts which declared steps have run.
//! The caller reads the journal into a [`WatchedJournal`].
//!
//! Only what the journal can show is judged, and a doubt counts for the system: copies of a message are one message, a
//! saga whose beginning was not seen is not judged by what it lacks, and what is absent has time to come.

mod coverage;
mod entry;
mod findings;
mod judge;
mod property;
mod saga_log;
mod sagas;
mod services;
#[cfg(test)]
mod tests;
mod types;
mod watched_journal;

pub use coverage::{StepCoverage, coverage};
pub use findings::Tally;
pub use judge::Monitor;
pub use property::{Property, Violation};
pub use watched_journal::WatchedJournal;
