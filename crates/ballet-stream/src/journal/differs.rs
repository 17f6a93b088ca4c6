//! What tells two journals of the same name apart.

use std::fmt;

/// What tells a journal from the one that was read up to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Differs {
    /// It has nothing there yet.
    EndsBefore,
    /// It has another message there.
    HasAnother,
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndsBefore => "ends before",
            Self::HasAnother => "has something else there",
        })
    }
}
