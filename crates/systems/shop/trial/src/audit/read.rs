//! Reads the services' rows from their databases.

use std::collections::BTreeMap;

use ballet_ops::audit::{connect, while_answering};
use common::rows::all;
use shop_events::catalog::Product;

use crate::audit::rows::{
    CartRecord, CheckoutRecord, LearnedCounts, OperationRecord, OrderRecord, PaymentRecord,
    PriceRecord, ReservationRecord, ShipmentRecord, ShopSnapshot, StockRecord,
};

/// The URL of each service's database.
type Databases = BTreeMap<String, String>;

/// Reads every service whose database answers.
pub(super) async fn read(databases: &Databases) -> ShopSnapshot {
    let read_at = now();
    let orders = while_answering(databases, &["orders"], orders(databases)).await;
    let (inventory, payments, shipping, catalog, cart, recommendations) = tokio::join!(
        while_answering(databases, &["inventory"], inventory(databases)),
        while_answering(databases, &["payments"], payments(databases)),
        while_answering(databases, &["shipping"], shipping(databases)),
        while_answering(databases, &["catalog"], catalog(databases)),
        while_answering(databases, &["cart"], cart(databases)),
        while_answering(databases, &["recommendations"], learned(databases)),
    );
    let mut away = BTreeMap::new();
    let orders = seen("orders", orders, &mut away);
    let (stock, reservations) = seen("inventory", inventory, &mut away);
    let (payments, operations) = seen("payments", payments, &mut away);
    let shipments = seen("shipping", shipping, &mut away);
    let prices = seen("catalog", catalog, &mut away);
    let (checkouts, carts) = seen("cart", cart, &mut away);
    let learned = seen("recommendations", recommendations, &mut away);
    ShopSnapshot {
        read_at,
        away,
        orders,
        stock,
        reservations,
        payments,
        operations,
        shipments,
        prices,
        carts,
        checkouts,
        learned,
    }
}

/// Returns the rows, or none if the service is unavailable.
fn seen<Rows: Default>(
    service: &'static str,
    read: sqlx::Result<Rows>,
    away: &mut BTreeMap<&'static str, String>,
) -> Rows {
    read.unwrap_or_else(|error| {
        away.insert(service, error.to_string());
        Rows::default()
    })
}

#[expect(clippy::disallowed_methods, reason = "the audit is not a handler and is never replayed")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

async fn orders(databases: &Databases) -> sqlx::Result<Vec<OrderRecord>> {
    let mut db = connect(databases, "orders").await?;
    let orders = "select order_id, status, lines, created_at, changed_at,
            case when total_minor is not null then
                jsonb_build_object('amount_minor', total_minor, 'currency', currency) end as total
        from customer_order";
    all(&mut db, orders).await
}

async fn inventory(
    databases: &Databases,
) -> sqlx::Result<(Vec<StockRecord>, Vec<ReservationRecord>)> {
    let mut db = connect(databases, "inventory").await?;
    let stock = all(&mut db, "select * from stock").await?;
    let reservations = "select order_id, state,
            jsonb_agg(jsonb_build_object('sku', sku, 'quantity', quantity) order by sku) as lines
        from reservation group by order_id, state";
    Ok((stock, all(&mut db, reservations).await?))
}

async fn payments(
    databases: &Databases,
) -> sqlx::Result<(Vec<PaymentRecord>, Vec<OperationRecord>)> {
    let mut db = connect(databases, "payments").await?;
    let payments = "select order_id, state, captured_minor, refunded_minor, reference,
            jsonb_build_object('amount_minor', amount_minor, 'currency', currency) as amount
        from payment";
    let payments = all(&mut db, payments).await?;
    // After the payments: the sandbox notes an authorisation before payments does.
    let operations = "select idempotency_key, order_id, reference, result,
            jsonb_build_object('amount_minor', amount_minor, 'currency', currency) as amount
        from sandbox_operation";
    Ok((payments, all(&mut db, operations).await?))
}

async fn shipping(databases: &Databases) -> sqlx::Result<Vec<ShipmentRecord>> {
    let mut db = connect(databases, "shipping").await?;
    all(&mut db, "select order_id, state from shipment").await
}

async fn catalog(databases: &Databases) -> sqlx::Result<Vec<PriceRecord>> {
    let mut db = connect(databases, "catalog").await?;
    let prices = "select *,
            jsonb_build_object('amount_minor', price_minor, 'currency', currency) as price
        from product_price";
    all(&mut db, prices).await
}

/// Returns all products, including the withdrawn ones.
///
/// # Errors
///
/// Returns an error if the database of catalog does not answer.
pub async fn products(databases: &BTreeMap<String, String>) -> sqlx::Result<Vec<Product>> {
    while_answering(databases, &["catalog"], all_products(databases)).await
}

async fn all_products(databases: &Databases) -> sqlx::Result<Vec<Product>> {
    let mut db = connect(databases, "catalog").await?;
    let products = "select *,
            jsonb_build_object('amount_minor', price_minor, 'currency', currency) as price
        from product";
    all(&mut db, products).await
}

/// Returns the quantity of a product that inventory has received, over all delivery notes.
///
/// # Errors
///
/// Returns an error if the database of inventory does not answer.
pub async fn received(databases: &BTreeMap<String, String>, sku: &str) -> sqlx::Result<i64> {
    while_answering(databases, &["inventory"], received_of(databases, sku)).await
}

async fn received_of(databases: &Databases, sku: &str) -> sqlx::Result<i64> {
    let mut db = connect(databases, "inventory").await?;
    let received = sqlx::query_scalar("select received from stock where sku = $1").bind(sku);
    Ok(received.fetch_optional(&mut db).await?.unwrap_or_default())
}

async fn cart(databases: &Databases) -> sqlx::Result<(Vec<CheckoutRecord>, Vec<CartRecord>)> {
    let mut db = connect(databases, "cart").await?;
    let checkouts = "select order_id, cart_id, cart_version, lines, status,
            jsonb_build_object('amount_minor', total_minor, 'currency', currency) as total
        from checkout";
    let checkouts = all(&mut db, checkouts).await?;
    // Read after the checkouts: the order of a cart is among them, unless the cart is new.
    Ok((checkouts, all(&mut db, "select cart_id, status, order_id from cart").await?))
}

async fn learned(databases: &Databases) -> sqlx::Result<LearnedCounts> {
    let mut db = connect(databases, "recommendations").await?;
    Ok(LearnedCounts {
        orders: all(&mut db, "select order_id, skus from customer_order where counted").await?,
        products: all(&mut db, "select sku, orders from product_count").await?,
        pairs: all(&mut db, "select sku, other, orders from pair_count").await?,
    })
}
