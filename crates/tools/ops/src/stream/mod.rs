//! The stream of all events: read from the journal, filtered, recorded to a file, and replayed.
//!
//! | for | read |
//! |---|---|
//! | the journal | [`JournalReader`], [`end`], [`oldest`], [`at`] |
//! | the range of the journal | [`begins`], [`begins_too_late`] |
//! | one message | [`Record`] |
//! | a selection of messages | [`RecordFilter`] |
//! | replay | [`to_publish`], [`NewIds`], [`MadeKeys`], [`OutsideEvents`], [`Survey`], [`Repeatable`] |
//! | the differences between two runs | [`Comparison`], [`Joins`] |
//! | files | [`RecordingWriter`], [`Recording`], [`RecordingHeader`] |

mod compare;
mod filter;
mod journal;
mod record;
pub(crate) mod recording;
mod replay;
mod start;

pub use compare::{
    comparison::{ComparedSagas, Comparison, ComparisonCounts},
    difference::{Difference, DifferenceKind},
    joins::Joins,
};
pub use filter::{RecordFilter, pattern::TypePattern};
pub use journal::{
    end::{end, oldest},
    error::JournalError,
    lookup::{LookupResult, at},
    range::{begins, begins_too_late},
    reader::{JournalItem, JournalReader, Notice},
    records::{CONNECTION as JOURNAL_CONNECTION, is_undeliverable},
};
pub use record::Record;
pub use recording::{
    error::RecordingError, header::RecordingHeader, line::write_line, read::Recording,
    write::RecordingWriter,
};
pub use replay::{
    entry::{OutsideEvents, is_event},
    ids::NewIds,
    made_keys::MadeKeys,
    repeatable::{Hindrance, Repeatable, SagaScope},
    survey::Survey,
    to_publish::to_publish,
};
pub use start::Start;
