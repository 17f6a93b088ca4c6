use ballet::TextEnum;
use common::cards::Settle;
use common::rows::time;
use jiff::Timestamp;
use rides_events::{Money, RideId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::types::Text;
use sqlx::{FromRow, Row};

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

impl FromRow<'_, PgRow> for Payment {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let TextEnum(state) = row.try_get("state")?;
        let Text(currency) = row.try_get("currency")?;
        let money = |column: &str| {
            Ok::<_, sqlx::Error>(Money { amount_minor: row.try_get(column)?, currency })
        };
        Ok(Self {
            ride_id: RideId(row.try_get("ride_id")?),
            state,
            held: money("amount_minor")?,
            paid: money("paid_minor")?,
            owed: money("owed_minor")?,
            reason: row.try_get("reason")?,
            reference: row.try_get("reference")?,
            changed_at: time(row, "changed_at")?,
        })
    }
}
