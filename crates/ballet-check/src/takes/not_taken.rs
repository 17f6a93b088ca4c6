//! One thing that a writer may write and a reader does not take.

use std::fmt;

/// What a reader does not take, with its place in the body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NotTaken {
    pub(crate) kind: Kind,
    /// The place: `lines.quantity`. Empty for the whole body.
    pub(crate) path: String,
    /// A clause about the writer: "`note` may be missing".
    pub(crate) text: String,
}

/// Why a reader does not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The reader requires a field that the writer does not have.
    FieldMissing,
    /// The reader requires a field that the writer may leave out.
    FieldOptional,
    /// The reader takes no other fields than its own.
    FieldUnknown,
    /// Another JSON type.
    Type,
    /// A value that the reader does not know.
    Value,
    /// A number, a length or a count beyond the reader's limits.
    Range,
    /// Text of another form.
    Format,
    /// The schemas use words that cannot be compared.
    Unclear,
}

impl NotTaken {
    /// `path` may end with a point.
    pub(crate) fn new(kind: Kind, path: &str, text: String) -> Self {
        Self { kind, path: path.trim_end_matches('.').to_owned(), text }
    }
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
