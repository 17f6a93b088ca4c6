//! The effect of an arrival: handled, refused or nothing.

/// The effect of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It took effect.
    Handled,
    /// It was refused.
    Refused,
    /// Nothing: it was handled before, or the saga is aborted.
    Nothing,
}

impl Effect {
    /// Returns the word for metrics and spans.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Refused => "refused",
            Self::Nothing => "nothing",
        }
    }
}
