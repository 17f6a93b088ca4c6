//! The live monitor: judges each saga by the journal's entries as they come, and counts which declared steps have run.
//! There is no I/O: the caller reads the journal.
//!
//! Only what the journal can show is judged, and a doubt counts for the system: copies of a message are one message, a
//! saga whose beginning was not seen is not judged by what it lacks, and what is absent has time to come.

mod awaited_causes;
mod coverage;
mod entry;
mod findings;
mod judge;
mod known_ids;
mod property;
mod saga_log;
#[cfg(test)]
mod tests;
mod types;

pub use coverage::{StepCoverage, coverage};
pub use entry::{EntryKind, WatchedEntry};
pub use findings::Tally;
pub use judge::Monitor;
pub use property::{Property, Violation};
