//! The behaviour of each test card.

use crate::provider::NoAnswer;
use crate::sandbox::memory::Kind;

pub(super) const APPROVED: &str = "approved";
pub(super) const CAPTURED: &str = "captured";
pub(super) const VOIDED: &str = "voided";
pub(super) const REFUNDED: &str = "refunded";
pub(super) const EXPIRED: &str = "authorization_expired";

/// The test cards.
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

    /// Returns the result of an operation, given the earlier results for the authorisation.
    pub(super) fn decide(self, kind: Kind, past: &[String]) -> Result<&'static str, NoAnswer> {
        let was = |result: &str| past.iter().any(|past| past == result);
        Ok(match kind {
            Kind::Authorize => match self {
                Self::Declined => "card_declined",
                Self::InsufficientFunds => "insufficient_funds",
                Self::Unknown => "unknown_card",
                Self::Approved | Self::CaptureFails | Self::Expires | Self::Slow | Self::Flaky => {
                    APPROVED
                }
            },
            Kind::Capture if self == Self::CaptureFails => "capture_refused",
            Kind::Capture | Kind::Void if self == Self::Expires => EXPIRED,
            Kind::Capture if was(VOIDED) => "authorization_voided",
            Kind::Capture => CAPTURED,
            Kind::Void if was(CAPTURED) => {
                return Err(NoAnswer::Unavailable("captured: refund it instead".to_owned()));
            }
            Kind::Void => VOIDED,
            Kind::Refund if was(CAPTURED) => REFUNDED,
            Kind::Refund => {
                return Err(NoAnswer::Unavailable("nothing was captured".to_owned()));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_decides_given_what_was_done_before() {
        let decide = |card, kind, past: &[&str]| {
            let past: Vec<String> = past.iter().map(|&past| past.to_owned()).collect();
            Card::of(card).decide(kind, &past).ok()
        };
        assert_eq!(decide("card_approved", Kind::Authorize, &[]), Some("approved"));
        assert_eq!(decide("4111111111111111", Kind::Authorize, &[]), Some("unknown_card"));
        assert_eq!(
            decide("card_capture_fails", Kind::Capture, &[APPROVED]),
            Some("capture_refused")
        );
        assert_eq!(decide("card_expires", Kind::Void, &[APPROVED]), Some(EXPIRED));
        assert_eq!(
            decide("card_approved", Kind::Capture, &[APPROVED, VOIDED]),
            Some("authorization_voided")
        );
        assert_eq!(decide("card_approved", Kind::Void, &[APPROVED, CAPTURED]), None);
        assert_eq!(decide("card_approved", Kind::Refund, &[APPROVED]), None);
        assert_eq!(decide("card_approved", Kind::Refund, &[APPROVED, CAPTURED]), Some(REFUNDED));
    }
}
