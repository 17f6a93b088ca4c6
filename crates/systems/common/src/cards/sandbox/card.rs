//! The behaviour of each test card.

use ballet::Failure;

use crate::cards::sandbox::memory::OperationKind;

pub(super) const APPROVED: &str = "approved";
pub(super) const CAPTURED: &str = "captured";
pub(super) const VOIDED: &str = "voided";
pub(super) const REFUNDED: &str = "refunded";
pub(super) const EXPIRED: &str = "authorization_expired";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Card {
    Approved,
    Declined,
    InsufficientFunds,
    CaptureFails,
    Expires,
    Slow,
    Flaky,
    Unknown,
}

impl Card {
    pub(super) fn of(token: &str) -> Self {
        match token {
            "card_approved" => Self::Approved,
            "card_declined" => Self::Declined,
            "card_insufficient_funds" => Self::InsufficientFunds,
            "card_capture_fails" => Self::CaptureFails,
            "card_expires" => Self::Expires,
            "card_slow" => Self::Slow,
            "card_flaky" => Self::Flaky,
            _ => Self::Unknown,
        }
    }

    pub(super) fn decide(
        self,
        kind: OperationKind,
        past: &[String],
    ) -> Result<&'static str, Failure> {
        let was = |result: &str| past.iter().any(|past| past == result);
        Ok(match kind {
            OperationKind::Authorize => match self {
                Self::Declined => "card_declined",
                Self::InsufficientFunds => "insufficient_funds",
                Self::Unknown => "unknown_card",
                Self::Approved | Self::CaptureFails | Self::Expires | Self::Slow | Self::Flaky => {
                    APPROVED
                }
            },
            OperationKind::Capture if self == Self::CaptureFails => "capture_refused",
            OperationKind::Capture | OperationKind::Void if self == Self::Expires => EXPIRED,
            OperationKind::Capture if was(VOIDED) => "authorization_voided",
            OperationKind::Capture => CAPTURED,
            OperationKind::Void if was(CAPTURED) => {
                return Err(Failure::transient("captured: refund it instead"));
            }
            OperationKind::Void => VOIDED,
            OperationKind::Refund if was(CAPTURED) => REFUNDED,
            OperationKind::Refund => {
                return Err(Failure::transient("nothing was captured"));
            }
        })
    }
}
