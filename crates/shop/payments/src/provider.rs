//! The interface to a card processor.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use ballet::{CallKey, Failure};
use serde::{Deserialize, Serialize};
use shop_events::{Money, OrderId};

/// A card processor. Each request has an idempotency key: it takes effect once and has one answer,
/// however often it is repeated.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Holds the money.
    fn authorize<'a>(&'a self, key: CallKey, request: &'a Authorize) -> Reply<'a, Authorization>;
    /// Captures the money that is held.
    fn capture<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Capture>;
    /// Releases the money that is held.
    fn void<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Void>;
    /// Refunds the money that was taken.
    fn refund<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Refund>;
    /// Whether payments itself can list what it did.
    fn is_sandbox(&self) -> bool {
        false
    }
}

/// A future answer.
pub type Reply<'a, Answer> = Pin<Box<dyn Future<Output = Result<Answer, NoAnswer>> + Send + 'a>>;

/// The outcome is unknown: repeat the request under the same key.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The provider cannot answer now, or its answer is not understood.
    #[error("the payment provider did not answer: {0}")]
    Unavailable(String),
    /// The sandbox cannot reach its database.
    #[error("the sandbox cannot reach its database")]
    Memory(#[from] sqlx::Error),
    /// The provider's API gave no answer that counts.
    #[error("the payment provider: {0}")]
    Lost(outside::NoAnswer),
}

impl NoAnswer {
    /// The failure of the call.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Lost(lost) => lost.failure("the payment provider"),
            other @ (Self::Unavailable(_) | Self::Memory(_)) => other.into(),
        }
    }
}

/// A request to hold money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorize {
    /// The order.
    pub order_id: OrderId,
    /// The amount.
    pub amount: Money,
    /// The provider's token for the card.
    pub card_token: String,
}

/// A request about an authorisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// The order.
    pub order_id: OrderId,
    /// The provider's reference for the authorisation.
    pub reference: String,
    /// The whole authorised amount.
    pub amount: Money,
}

/// The answer to a request to hold money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authorization {
    /// The money is held.
    Approved {
        /// The provider's reference for the authorisation.
        reference: String,
    },
    /// The money is not held.
    Declined {
        /// The provider's code for the reason.
        reason: String,
    },
}

/// The answer to a request to capture the money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// The money is captured.
    Captured,
    /// The money is not captured.
    Failed {
        /// The provider's code for the reason.
        reason: String,
    },
}

/// The answer to a request to release the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Void {
    /// The money is released.
    Voided,
    /// The authorisation had already ended.
    EndedBefore,
}

/// The answer to a request for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refund {
    /// The money is refunded.
    Refunded,
}
