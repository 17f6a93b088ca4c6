//! What became of an arrival.

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Something was done.
    Handled,
    /// It said no.
    Refused,
    /// It was done before, or the saga is aborted.
    Nothing,
}
