//! What a method of a service can be.

use proc_macro2::Ident;

use crate::words::Vocabulary;

/// What a method is, as its attribute says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Compensatable,
    Pivot,
    Repeating,
    Retriable,
    Starts,
    Decides,
    Watches,
    Projects,
    Owns,
    ReadsTelemetry,
    FollowsTelemetry,
}

/// The kinds with their words, which the builder of a participant has, too.
const KINDS: [(&str, Kind, Vocabulary); 11] = [
    ("compensatable", Kind::Compensatable, vocabulary("a compensatable step", UNDONE)),
    ("pivot", Kind::Pivot, vocabulary("a pivot", UNDONE)),
    ("repeating", Kind::Repeating, vocabulary("a repeating step", REPEATED)),
    ("retriable", Kind::Retriable, vocabulary("a retriable step", KEPT)),
    ("starts", Kind::Starts, vocabulary("a step that starts a saga", KEPT)),
    ("decides", Kind::Decides, vocabulary("a step that decides", KEPT)),
    ("watches", Kind::Watches, vocabulary("a watch", &["saga", "look", "retry", "since", "until"])),
    ("projects", Kind::Projects, vocabulary("a projection", &["retry"])),
    (
        "owns",
        Kind::Owns,
        vocabulary("the owner", &["originates", "begins", "aborts_on", "deadline"]),
    ),
    ("reads_telemetry", Kind::ReadsTelemetry, vocabulary("a reader", &["reset"])),
    ("follows_telemetry", Kind::FollowsTelemetry, vocabulary("a follower", &[])),
];

const UNDONE: &[&str] =
    &["saga", "undo", "touches", "undo_touches", "key", "retry", "since", "until"];
const REPEATED: &[&str] =
    &["saga", "undo", "undone_by", "touches", "undo_touches", "key", "retry", "since", "until"];
const KEPT: &[&str] = &["saga", "touches", "key", "retry", "since", "until"];

const fn vocabulary(of: &'static str, words: &'static [&'static str]) -> Vocabulary {
    Vocabulary { of, first: "", words }
}

impl Kind {
    /// The kind of this name.
    pub(crate) fn named(name: &Ident) -> Option<Self> {
        KINDS.iter().find(|(known, ..)| name == known).map(|(_, kind, _)| *kind)
    }

    /// The name: that of the attribute, and of the builder's method.
    pub(crate) fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind, _)| *kind == self).map_or("", |(name, ..)| name)
    }

    pub(crate) fn vocabulary(self) -> &'static Vocabulary {
        let found = KINDS.iter().find(|(_, kind, _)| *kind == self);
        found.map_or(&KINDS[0].2, |(.., words)| words)
    }

    /// Whether it is a step of a saga.
    pub(crate) const fn is_step(self) -> bool {
        !matches!(self, Self::Projects | Self::Owns | Self::ReadsTelemetry | Self::FollowsTelemetry)
    }

    /// Whether it is undone when the saga is aborted.
    pub(crate) const fn is_undone(self) -> bool {
        matches!(self, Self::Compensatable | Self::Pivot | Self::Repeating)
    }

    /// Whether it is a step of the saga's owner alone.
    pub(crate) const fn is_of_owner(self) -> bool {
        matches!(self, Self::Starts | Self::Decides)
    }
}
