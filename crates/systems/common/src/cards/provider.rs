//! The interface to a card processor. Whatever is paid is an order with an `order_id`, also a ride.

use std::fmt;

use ballet::calls::{CallKey, LookUp};
use serde::{Deserialize, Serialize};
use sqlx::types::Uuid;

use crate::outside::{Reply, cannot_look_up};
use crate::values::Money;

/// A card processor. A request under one idempotency key takes effect once and has one answer, however often it is
/// repeated.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Holds the money.
    fn authorize<'a>(&'a self, key: CallKey, request: &'a Authorize) -> Reply<'a, Authorization>;
    /// Captures held money: all of it, or less. The rest is released.
    fn capture<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Capture>;
    /// Releases the money that is held.
    fn void<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Void>;
    /// Refunds the captured money.
    fn refund<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Refund>;
    /// Returns the outcome of a request to hold money. By default the provider cannot be asked for it.
    fn look_up_authorization<'a>(
        &'a self,
        _key: CallKey,
        _request: &'a Authorize,
    ) -> Reply<'a, LookUp<Authorization>> {
        cannot_look_up()
    }
    /// Returns the outcome of a request to capture money. By default the provider cannot be asked for it.
    fn look_up_capture<'a>(
        &'a self,
        _key: CallKey,
        _request: &'a Settle,
    ) -> Reply<'a, LookUp<Capture>> {
        cannot_look_up()
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
