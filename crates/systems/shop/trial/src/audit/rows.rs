//! The services' rows, with the fields that the audit reads.

use std::collections::BTreeMap;

use ballet_ops::audit::connect;
use common::rows::all;
use jiff::Timestamp;
use serde::Deserialize;
use shop_events::{CartId, Money, OrderId, OrderLine, Sku, StockLine};
use uuid::Uuid;

/// The orders are read first, so the other services' rows are not older.
#[derive(Debug, Clone, Default)]
pub(super) struct ShopSnapshot {
    pub(super) read_at: Timestamp,
    pub(super) orders: Vec<OrderRecord>,
    pub(super) stock: Vec<StockRecord>,
    pub(super) reservations: Vec<ReservationRecord>,
    pub(super) payments: Vec<PaymentRecord>,
    /// The sandbox's operations; a provider's API lists none.
    pub(super) operations: Vec<OperationRecord>,
    pub(super) shipments: Vec<ShipmentRecord>,
    pub(super) carts: Vec<CartRecord>,
    pub(super) checkouts: Vec<CheckoutRecord>,
}

#[expect(clippy::disallowed_methods, reason = "the audit is not a handler and is never replayed")]
pub(super) async fn read(databases: &BTreeMap<String, String>) -> sqlx::Result<ShopSnapshot> {
    let read_at = Timestamp::now();
    let mut db = connect(databases, "orders").await?;
    let orders = "select order_id, status, lines, changed_at,
            case when total_minor is not null then
                jsonb_build_object('amount_minor', total_minor, 'currency', currency) end as total
        from customer_order";
    let orders = all(&mut db, orders).await?;
    let mut db = connect(databases, "inventory").await?;
    let stock = all(&mut db, "select * from stock").await?;
    let reservations = "select order_id, state,
            jsonb_agg(jsonb_build_object('sku', sku, 'quantity', quantity) order by sku) as lines
        from reservation group by order_id, state";
    let reservations = all(&mut db, reservations).await?;
    let mut db = connect(databases, "payments").await?;
    let payments = "select order_id, state, captured_minor, refunded_minor,
            jsonb_build_object('amount_minor', amount_minor, 'currency', currency) as amount
        from payment";
    let payments = all(&mut db, payments).await?;
    // After the payments: the sandbox notes an authorisation before payments does.
    let operations = "select idempotency_key, order_id, result,
            jsonb_build_object('amount_minor', amount_minor, 'currency', currency) as amount
        from sandbox_operation";
    let operations = all(&mut db, operations).await?;
    let mut db = connect(databases, "shipping").await?;
    let shipments = all(&mut db, "select order_id, state from shipment").await?;
    let mut db = connect(databases, "cart").await?;
    let checkouts = "select order_id, cart_id, cart_version, lines, status,
            jsonb_build_object('amount_minor', total_minor, 'currency', currency) as total
        from checkout";
    let checkouts = all(&mut db, checkouts).await?;
    // After the checkouts, so they have the order of each cart, unless the cart is new.
    let carts = all(&mut db, "select cart_id, status, order_id from cart").await?;
    Ok(ShopSnapshot {
        read_at,
        orders,
        stock,
        reservations,
        payments,
        operations,
        shipments,
        carts,
        checkouts,
    })
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct OrderRecord {
    pub(super) order_id: OrderId,
    pub(super) status: String,
    /// Missing if the order was never placed.
    pub(super) lines: Option<Vec<OrderLine>>,
    pub(super) total: Option<Money>,
    pub(super) changed_at: Timestamp,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct StockRecord {
    pub(super) sku: Sku,
    pub(super) on_hand: i64,
    pub(super) held: i64,
    pub(super) committed: i64,
    pub(super) received: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ReservationRecord {
    pub(super) order_id: OrderId,
    pub(super) state: String,
    pub(super) lines: Vec<StockLine>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct PaymentRecord {
    pub(super) order_id: OrderId,
    pub(super) state: String,
    pub(super) amount: Money,
    pub(super) captured_minor: i64,
    pub(super) refunded_minor: i64,
}

/// An operation of the sandbox.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct OperationRecord {
    pub(super) idempotency_key: Uuid,
    pub(super) order_id: OrderId,
    pub(super) amount: Money,
    pub(super) result: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ShipmentRecord {
    pub(super) order_id: OrderId,
    pub(super) state: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct CartRecord {
    pub(super) cart_id: CartId,
    pub(super) status: String,
    /// The order of the last checkout.
    pub(super) order_id: Option<OrderId>,
}

/// A checkout, with the prices that the customer was shown.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CheckoutRecord {
    pub(super) order_id: OrderId,
    pub(super) cart_id: CartId,
    pub(super) cart_version: i64,
    pub(super) lines: Vec<OrderLine>,
    pub(super) total: Money,
    pub(super) status: String,
}
