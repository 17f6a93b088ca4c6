//! The interface to a card processor. To the processor, whatever is paid is an order with an `order_id`, also a ride.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ballet::Failure;
use ballet::calls::CallKey;
use serde::{Deserialize, Serialize};
use sqlx::types::Uuid;

use crate::outside::NoAnswer;
use crate::values::Money;

/// A card processor. Each request has an idempotency key: it takes effect once and has one answer, however often it
/// is repeated.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Holds the money.
    fn authorize<'a>(&'a self, key: CallKey, request: &'a Authorize) -> Reply<'a, Authorization>;
    /// Captures money that is held: all of it, or less. The rest is released.
    fn capture<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Capture>;
    /// Releases the money that is held.
    fn void<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Void>;
    /// Refunds the captured money.
    fn refund<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Refund>;
    /// Whether the provider can be asked for the outcome of a request.
    fn looks_up(&self) -> bool {
        false
    }
    /// Returns the outcome of a request to hold money, or `None` if the provider has done nothing and nothing is in
    /// progress.
    fn look_up_authorization<'a>(
        &'a self,
        _key: CallKey,
        _request: &'a Authorize,
    ) -> Reply<'a, Option<Authorization>> {
        cannot_look_up()
    }
    /// Returns the outcome of a request to capture money, or `None` if the provider has done nothing and nothing is
    /// in progress.
    fn look_up_capture<'a>(
        &'a self,
        _key: CallKey,
        _request: &'a Settle,
    ) -> Reply<'a, Option<Capture>> {
        cannot_look_up()
    }
    /// Returns how long the provider remembers a key. `None` means for as long as we may ask.
    fn keys_kept(&self) -> Option<Duration> {
        None
    }
}

fn cannot_look_up<'a, Answer>() -> Reply<'a, Answer> {
    Box::pin(async { Err(ProviderError::Unavailable("it cannot be asked what it did".to_owned())) })
}

/// A future answer.
pub type Reply<'a, Answer> =
    Pin<Box<dyn Future<Output = Result<Answer, ProviderError>> + Send + 'a>>;

/// The outcome is unknown: repeat the request under the same key.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The provider cannot answer now, or its answer is not understood.
    #[error("the payment provider did not answer: {0}")]
    Unavailable(String),
    /// The sandbox cannot reach its database.
    #[error("the sandbox cannot reach its database")]
    Memory(#[from] sqlx::Error),
    /// The provider's API gave no answer that counts.
    #[error("the payment provider: {0}")]
    Lost(NoAnswer),
}

impl ProviderError {
    /// Returns the failure of the call.
    #[must_use]
    pub fn failure(self) -> Failure {
        match self {
            Self::Lost(lost) => lost.failure("the payment provider"),
            other @ (Self::Unavailable(_) | Self::Memory(_)) => other.into(),
        }
    }
}

/// A request to hold money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorize {
    /// The id of the order or ride that is paid for.
    pub order_id: Uuid,
    /// The amount.
    pub amount: Money,
    /// The provider's token for the card.
    pub card_token: String,
}

/// A request about an authorisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// The id of the order or ride that is paid for.
    pub order_id: Uuid,
    /// The provider's reference for the authorisation.
    pub reference: String,
    /// The whole authorised amount; for a capture, the amount to capture.
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
