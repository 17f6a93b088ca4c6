//! One thing that a writer may write and a reader does not accept.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mismatch {
    pub(crate) kind: MismatchKind,
    /// `lines.quantity`, or empty for the whole body.
    pub(crate) path: String,
    /// A clause about the writer: "`note` may be missing".
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MismatchKind {
    /// Required, and not written.
    FieldMissing,
    /// Required, and perhaps left out.
    FieldOptional,
    /// The reader accepts only fields that it knows.
    FieldUnknown,
    Type,
    /// The reader does not know a value.
    Value,
    /// A number, a length or a count is beyond the reader's limits.
    Range,
    /// A text has another form.
    Format,
    /// The keywords cannot be compared.
    Unclear,
}

impl MismatchKind {
    /// The rule that it breaks between two releases.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::FieldMissing => "field_removed",
            Self::FieldOptional => "field_optional",
            Self::FieldUnknown => "field_unknown",
            Self::Type => "type",
            Self::Value => "value",
            Self::Range => "range",
            Self::Format => "format",
            Self::Unclear => "unclear",
        }
    }
}

impl Mismatch {
    /// `path` may end with a point.
    pub(crate) fn new(kind: MismatchKind, path: &str, text: String) -> Self {
        Self { kind, path: path.trim_end_matches('.').to_owned(), text }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
