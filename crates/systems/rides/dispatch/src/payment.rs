//! The payment of a ride as it is stored and shown.

use ballet::TextEnum;
use common::cards::Settle;
use common::rows::{Time, money};
use jiff::Timestamp;
use rides_events::{Money, RideId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The card processor holds the price.
    Held,
    /// The amount due was captured.
    Paid,
    /// The amount due could not be captured.
    Owed,
    /// The hold was released, and nothing was captured.
    Released,
}

/// The payment of a ride.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Payment {
    /// The ride.
    #[serde(skip)]
    pub(crate) ride_id: RideId,
    /// The state.
    pub(crate) state: PaymentState,
    /// The amount that is or was held.
    pub(crate) held: Money,
    /// The part of it that was captured.
    pub(crate) paid: Money,
    /// The amount that could not be captured.
    pub(crate) owed: Money,
    /// The card processor's code for its "no".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The card processor's reference to the hold. It is not shown.
    #[serde(skip)]
    pub(crate) reference: String,
    /// When the state changed last.
    pub(crate) changed_at: Timestamp,
}

impl Payment {
    /// Captures this amount, or releases the hold.
    pub(crate) fn settle(self, amount: Money) -> Settle {
        Settle { order_id: self.ride_id.0, reference: self.reference, amount }
    }
}

common::row! { Payment:
    ride_id, state as TextEnum, held as (money "amount_minor"), paid as (money "paid_minor"),
    owed as (money "owed_minor"), reason, reference, changed_at as Time,
}
