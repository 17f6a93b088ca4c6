//! How far a payment is, and what may follow what.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// The provider holds the money.
    Authorized,
    /// It does not.
    Declined,
    /// The money is ours.
    Captured,
    /// The money could not be had, though the authorisation may live.
    CaptureFailed,
    /// The authorisation has ended.
    Voided,
    /// The money was given back.
    Refunded,
}

impl State {
    const ALL: [Self; 6] = [
        Self::Authorized,
        Self::Declined,
        Self::Captured,
        Self::CaptureFailed,
        Self::Voided,
        Self::Refunded,
    ];

    /// The word in tables.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::Declined => "declined",
            Self::Captured => "captured",
            Self::CaptureFailed => "capture_failed",
            Self::Voided => "voided",
            Self::Refunded => "refunded",
        }
    }

    /// The states that it may follow.
    pub(crate) const fn follows(self) -> &'static [Self] {
        match self {
            Self::Authorized | Self::Declined => &[],
            Self::Captured | Self::CaptureFailed => &[Self::Authorized],
            Self::Voided => &[Self::Authorized, Self::CaptureFailed],
            Self::Refunded => &[Self::Captured],
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == text);
        state.ok_or_else(|| format!("{text:?} is no state of a payment"))
    }
}
