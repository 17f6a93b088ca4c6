//! The live monitor: judges each saga by the journal's entries as they come, and counts which declared steps have run.
//! There is no I/O: the caller reads the journal.
//!
//! Only what the journal can show is judged, and a doubt counts for the system: copies of a message are one message, a
//! saga whose beginning was not seen is not judged by what it lacks, and what is absent has time to come.

mod coverage;
mod entry;
mod judge;
mod known_ids;
mod property;
mod saga_log;
#[cfg(test)]
mod tests;
mod types;

pub use coverage::{StepCoverage, coverage};
pub use entry::{EntryKind, WatchedEntry};
pub use judge::{Monitor, Tally};
pub use property::{Property, Violation};
