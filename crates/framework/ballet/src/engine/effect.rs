//! The effect of an arrival: handled, refused or nothing.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Handled,
    Refused,
    /// Nothing: it was handled before, or the saga is aborted.
    Nothing,
}

impl Effect {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Refused => "refused",
            Self::Nothing => "nothing",
        }
    }
}
