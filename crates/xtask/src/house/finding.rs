//! The rules, and the findings: each says what is wrong with a crate and what to do about it.

/// The rules, in the order in which they are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    Files,
    Folders,
    Faces,
    Impls,
    Headers,
    Docs,
    Sql,
    Paths,
    Tests,
}

#[derive(Debug)]
pub(super) struct Finding {
    pub(super) rule: Rule,
    /// One line, or several.
    pub(super) text: String,
}

impl Rule {
    pub(super) const ALL: [Self; 9] = [
        Self::Files,
        Self::Folders,
        Self::Faces,
        Self::Impls,
        Self::Headers,
        Self::Docs,
        Self::Sql,
        Self::Paths,
        Self::Tests,
    ];

    /// The demand of the rule.
    pub(super) const fn law(self) -> &'static str {
        match self {
            Self::Files => "no two files import each other, over any number of steps",
            Self::Folders => "folders are layers: the arrows between them go one way",
            Self::Faces => "a name is imported from the module that defines it, not from a face",
            Self::Impls => "the inherent `impl` blocks of a type are in the type's file",
            Self::Headers => "a file begins with `//!`, which says what lives there",
            Self::Docs => "a doc begins with its subject, not with `What`",
            Self::Sql => {
                "SQL on the schema `ballet` is in `ballet-store`; handlers ask no database for the time"
            }
            Self::Paths => "a package has its files in its own folder",
            Self::Tests => "a target with `test = false` has no tests",
        }
    }
}
