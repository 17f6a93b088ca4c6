//! The things that can reach a participant for one saga.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ParticipantInput {
    /// When it occurs twice, the id is the same.
    First,
    /// The same event under another id.
    FirstCopy,
    /// The trigger of the later step, the pivot.
    Second,
    SecondCopy,
    Abort,
    AbortCopy,
    AnswerFirst,
    AnswerSecond,
    AnswerUndo,
}
