//! The stream of all events: the journal is read, filtered, recorded to a file, and replayed from it.
//!
//! | for | read |
//! |---|---|
//! | the journal | [`Reader`], [`Records`], [`end`], [`oldest`], [`at`], [`differs`] |
//! | the range of the journal | [`begins`], [`begins_too_late`] |
//! | the messages that enter a queue | [`QueueCopy`], [`Copied`] |
//! | one message | [`Record`] |
//! | a selection of messages | [`Filter`] |
//! | replay | [`Sender`], [`NewIds`], [`MadeKeys`], [`Entries`], [`Survey`], [`Repeatable`] |
//! | the differences between two runs | [`Comparison`], [`Joins`] |
//! | files | [`RecordingWriter`], [`Recording`], [`Header`], [`alone`] |

#![warn(missing_docs)]

mod compare;
mod copy;
mod filter;
mod journal;
mod record;
mod recording;
mod replay;
mod start;

pub use compare::{
    difference::{Change, Difference},
    joins::Joins,
    partition::{Compared, Comparison, Sagas},
};
pub use copy::{copied::Copied, queue_copy::QueueCopy};
pub use filter::{
    Filter,
    condition::{HeaderIs, ValueIs},
    pattern::Pattern,
};
pub use journal::{
    difference::Differs,
    end::{end, oldest},
    error::JournalError,
    lookup::{At, at, differs},
    range::{begins, begins_too_late},
    reader::{Notice, Read, Reader},
    records::{CONNECTION as JOURNAL_CONNECTION, Records, is_undeliverable},
};
pub use record::Record;
pub use recording::{
    error::RecordingError,
    file_lock::alone,
    header::Header,
    line::write_line,
    read::{Cut, Recording},
    write::RecordingWriter,
};
pub use replay::{
    entry::{Entries, is_event},
    ids::NewIds,
    made_keys::MadeKeys,
    repeatable::{Hindrance, Repeatable, Scope},
    sender::{SendError, Sender, to_publish},
    survey::Survey,
};
pub use start::Start;
