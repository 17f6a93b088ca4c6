//! The difference between two journals of the same name.

use std::fmt;

/// How a journal differs from the one that was read up to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalDifference {
    /// It ends before that message.
    EndsBefore,
    /// It has another message at that offset.
    HasAnother,
}

impl fmt::Display for JournalDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndsBefore => "ends before",
            Self::HasAnother => "has something else there",
        })
    }
}
