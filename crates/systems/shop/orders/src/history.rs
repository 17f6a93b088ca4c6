//! The history of an order: the changes of its status, each with a number.

use ballet::TextEnum;
use common::rows::Time;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use shop_events::access::Customers;
use shop_events::{CustomerId, OrderId};

use crate::order::{Cancellation, OrderStatus};

/// The order's row is enough, because a status leads to few others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderHistory {
    pub(crate) order_id: OrderId,
    pub(crate) status: OrderStatus,
    /// `None` if the order was never placed.
    pub(crate) customer_id: Option<CustomerId>,
    cancelled: Option<Cancellation>,
    created_at: Timestamp,
    confirmed_at: Option<Timestamp>,
    changed_at: Timestamp,
}

/// A change of an order's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct StatusChange {
    /// The order.
    order_id: OrderId,
    /// The new status.
    status: OrderStatus,
    #[serde(flatten)]
    cancelled: Option<Cancellation>,
    /// When the status changed.
    changed_at: Timestamp,
}

impl ballet::openapi::History for OrderHistory {
    type Id = OrderId;
    type Owners = Customers;
    type Change = StatusChange;
    const THINGS: &'static str = "orders";
    const SETTING: &'static str = "ORDER_WATCHERS";

    fn id(&self) -> OrderId {
        self.order_id
    }

    fn last(&self) -> u32 {
        number_of(self.status)
    }

    fn has_ended(&self) -> bool {
        matches!(self.status, OrderStatus::Completed | OrderStatus::Cancelled)
    }

    /// An order has at most one change with each number.
    fn after(&self, number: u32) -> impl Iterator<Item = (u32, StatusChange)> {
        let change = |status, changed_at| {
            let cancelled = self.cancelled.clone().filter(|_| status == OrderStatus::Cancelled);
            let change = StatusChange { order_id: self.order_id, status, cancelled, changed_at };
            (number_of(status), change)
        };
        let placed = self.customer_id.map(|_| change(OrderStatus::Placed, self.created_at));
        let confirmed = (self.status == OrderStatus::Completed)
            .then(|| change(OrderStatus::Confirmed, self.confirmed_at.unwrap_or(self.changed_at)));
        let now =
            (self.status != OrderStatus::Placed).then(|| change(self.status, self.changed_at));
        [placed, confirmed, now].into_iter().flatten().filter(move |(n, _)| *n > number)
    }
}

/// `Cancelled` is final, and a confirmed order is never cancelled.
const fn number_of(status: OrderStatus) -> u32 {
    match status {
        OrderStatus::Placed => 1,
        OrderStatus::Confirmed | OrderStatus::Cancelled => 2,
        OrderStatus::Completed => 3,
    }
}

common::row! { OrderHistory:
    order_id, status as TextEnum, customer_id, cancelled as (Cancellation::from_row),
    created_at as Time, confirmed_at as [Time], changed_at as Time,
}
