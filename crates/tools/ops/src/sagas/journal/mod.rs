//! A saga as the journal shows it. There is no I/O: the caller reads the journal.

mod journal_saga;
mod path;
mod rows;

pub use journal_saga::{JournalEntry, JournalSaga, MessageFate};
pub use path::{PathStep, StepStanding, path};
