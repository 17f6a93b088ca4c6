//! The card processor, as payments sees it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use ballet::CallKey;
use serde::{Deserialize, Serialize};
use shop_events::{Money, OrderId};

/// A card processor. Each request has an idempotency key: however often it is made, at once or
/// later, it takes effect once and has one answer.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Holds the money.
    fn authorize<'a>(&'a self, key: CallKey, request: &'a Authorize) -> Reply<'a, Authorization>;
    /// Takes the money that is held.
    fn capture<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Capture>;
    /// Lets go of the money that is held.
    fn void<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Void>;
    /// Gives back the money that was taken.
    fn refund<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Refund>;
}

/// The answer, some time.
pub type Reply<'a, Answer> = Pin<Box<dyn Future<Output = Result<Answer, NoAnswer>> + Send + 'a>>;

/// The outcome is unknown: ask again, under the same key.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The provider cannot answer now, or not in words that we know.
    #[error("the payment provider gives no answer: {0}")]
    Unavailable(String),
    /// The sandbox cannot reach its memory.
    #[error("the sandbox cannot reach its memory")]
    Memory(#[from] sqlx::Error),
}

/// Asks to hold money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorize {
    /// The order that it is for.
    pub order_id: OrderId,
    /// How much.
    pub amount: Money,
    /// The provider's token for the card.
    pub card_token: String,
}

/// Asks for something about an authorisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// The order that it is for.
    pub order_id: OrderId,
    /// The provider's name for the authorisation.
    pub reference: String,
    /// How much: all of it.
    pub amount: Money,
}

/// What the provider says when asked to hold money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authorization {
    /// It is held, under this name.
    Approved {
        /// The provider's name for the authorisation.
        reference: String,
    },
    /// It is not.
    Declined {
        /// The provider's word for why.
        reason: String,
    },
}

/// What the provider says when asked to take the money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// It is ours.
    Captured,
    /// It is not.
    Failed {
        /// The provider's word for why.
        reason: String,
    },
}

/// What the provider says when asked to let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Void {
    /// It is let go.
    Voided,
    /// The authorisation had ended by itself.
    EndedBefore,
}

/// What the provider says when asked to give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refund {
    /// It is given back.
    Refunded,
}
