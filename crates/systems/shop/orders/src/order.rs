//! An order as it is stored and shown.

use ballet::TextEnum;
use common::rows::{Time, money};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop_events::access::Caller;
use shop_events::orders::CancelReason;
use shop_events::{Address, CustomerId, Money, OrderId, OrderLine};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

/// The status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// The order can still be cancelled.
    Placed,
    /// The order is paid.
    Confirmed,
    /// The order is delivered.
    Completed,
    /// The order will not be fulfilled.
    Cancelled,
}

impl OrderStatus {
    pub(crate) const ALL: [Self; 4] =
        [Self::Placed, Self::Confirmed, Self::Completed, Self::Cancelled];
}

/// An order. The contents are missing if the checkout was invalid or never arrived.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Order {
    /// The order.
    pub(crate) order_id: OrderId,
    /// The status of the order.
    pub(crate) status: OrderStatus,
    #[serde(flatten)]
    pub(crate) contents: Option<OrderContents>,
    #[serde(flatten)]
    pub(crate) cancelled: Option<Cancellation>,
    /// When the order was placed, or cancelled if it was never placed.
    pub(crate) created_at: Timestamp,
    /// When the status changed last.
    pub(crate) changed_at: Timestamp,
}

/// The customer, the goods, and the delivery address of an order.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct OrderContents {
    /// The customer.
    customer_id: CustomerId,
    /// The goods.
    lines: Vec<OrderLine>,
    /// The price of all lines.
    total: Money,
    /// The delivery address.
    ship_to: Address,
}

/// The cancellation of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Cancellation {
    /// Why the order is cancelled.
    #[schemars(with = "CancelReason")]
    reason: String,
    /// The step that refused, if a step did.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_step: Option<String>,
    /// The exact reason, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Order {
    /// The caller may see and change the order. One whose checkout was invalid has no customer.
    pub(crate) fn is_for(&self, caller: &Caller) -> bool {
        caller.is_allowed(self.contents.as_ref().map(|contents| contents.customer_id))
    }
}

common::row! { Order:
    order_id, status as TextEnum, contents as (OrderContents::from_row),
    cancelled as (Cancellation::from_row), created_at as Time, changed_at as Time,
}

impl OrderContents {
    fn from_row(row: &PgRow) -> sqlx::Result<Option<Self>> {
        let Some(customer_id) = row.try_get("customer_id")? else { return Ok(None) };
        let (Json(lines), Json(ship_to)) = (row.try_get("lines")?, row.try_get("ship_to")?);
        let total = money(row, "total_minor")?;
        Ok(Some(Self { customer_id, lines, total, ship_to }))
    }
}

impl Cancellation {
    pub(crate) fn from_row(row: &PgRow) -> sqlx::Result<Option<Self>> {
        let Some(reason) = row.try_get("reason")? else { return Ok(None) };
        let (failed_step, detail) = (row.try_get("failed_step")?, row.try_get("detail")?);
        Ok(Some(Self { reason, failed_step, detail }))
    }
}
