//! A mismatch: one thing that a writer may write and a reader does not accept.

use std::fmt;

/// A mismatch, with its place in the body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mismatch {
    pub(crate) kind: MismatchKind,
    /// The place: `lines.quantity`. Empty for the whole body.
    pub(crate) path: String,
    /// A clause about the writer: "`note` may be missing".
    pub(crate) text: String,
}

/// The kind of a mismatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MismatchKind {
    /// The reader requires a field that the writer does not have.
    FieldMissing,
    /// The reader requires a field that the writer may leave out.
    FieldOptional,
    /// The reader accepts only the fields it knows.
    FieldUnknown,
    /// The JSON type is another one.
    Type,
    /// The reader does not know a value.
    Value,
    /// A number, a length or a count is beyond the reader's limits.
    Range,
    /// A text has another form.
    Format,
    /// The schemas use keywords that cannot be compared.
    Unclear,
}

impl Mismatch {
    /// Creates a mismatch. `path` may end with a point.
    pub(crate) fn new(kind: MismatchKind, path: &str, text: String) -> Self {
        Self { kind, path: path.trim_end_matches('.').to_owned(), text }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
