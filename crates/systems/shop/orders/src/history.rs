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

#[cfg(test)]
mod tests {
    use ballet::openapi::History as _;
    use uuid::Uuid;

    use super::*;

    fn history(status: OrderStatus, was_placed: bool) -> OrderHistory {
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        OrderHistory {
            order_id: OrderId(Uuid::nil()),
            status,
            customer_id: was_placed.then(|| CustomerId(Uuid::nil())),
            cancelled: None,
            created_at: time("2026-01-01T00:00:01Z"),
            confirmed_at: Some(time("2026-01-01T00:00:02Z")),
            changed_at: time("2026-01-01T00:00:03Z"),
        }
    }

    fn after(history: &OrderHistory, number: u32) -> Vec<(u32, OrderStatus, i64)> {
        let seconds = |change: &StatusChange| change.changed_at.as_second() % 60;
        history.after(number).map(|(n, change)| (n, change.status, seconds(&change))).collect()
    }

    #[test]
    fn every_change_is_in_the_history_once_and_in_order() {
        let completed = history(OrderStatus::Completed, true);
        let all = [
            (1, OrderStatus::Placed, 1),
            (2, OrderStatus::Confirmed, 2),
            (3, OrderStatus::Completed, 3),
        ];
        assert_eq!(after(&completed, 0), all);
        assert_eq!(after(&completed, 1), all[1..]);
        assert_eq!(after(&completed, 3), []);
        let cancelled = history(OrderStatus::Cancelled, true);
        assert_eq!(
            after(&cancelled, 0),
            [(1, OrderStatus::Placed, 1), (2, OrderStatus::Cancelled, 3)]
        );
        assert_eq!(after(&history(OrderStatus::Placed, true), 0), all[..1]);
    }

    #[test]
    fn an_order_that_was_never_placed_is_only_cancelled() {
        assert_eq!(
            after(&history(OrderStatus::Cancelled, false), 0),
            [(2, OrderStatus::Cancelled, 3)]
        );
    }
}
