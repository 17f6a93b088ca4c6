//! A saga as the journal tells it. There is no I/O here: the caller reads the journal.

mod path;
mod rows;
mod seen;

pub use path::{PathStep, StepStanding, path};
pub use seen::{JournalEntry, JournalSaga, MessageFate};
