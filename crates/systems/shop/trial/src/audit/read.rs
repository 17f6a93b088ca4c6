//! Reads the services' rows from their databases.

use std::collections::BTreeMap;

use ballet_ops::audit::{connect, while_answering};
use common::rows::all;
use shop_events::catalog::Product;
use sqlx::PgConnection;

use crate::audit::rows::{
    CartRecord, CheckoutRecord, LearnedCounts, OperationRecord, OrderRecord, PaymentRecord,
    PriceRecord, ReservationRecord, ShipmentRecord, ShopSnapshot, StockRecord,
};

type Databases = BTreeMap<String, String>;

/// Reads every service whose database answers.
pub(super) async fn read(databases: &Databases) -> ShopSnapshot {
    let read_at = now();
    let orders = of(databases, "orders", orders).await;
    let (inventory, payments, shipping, catalog, cart, recommendations) = tokio::join!(
        of(databases, "inventory", inventory),
        of(databases, "payments", payments),
        of(databases, "shipping", shipping),
        of(databases, "catalog", catalog),
        of(databases, "cart", cart),
        of(databases, "recommendations", learned),
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

/// Reads as long as the server answers.
async fn of<T>(
    databases: &Databases,
    service: &str,
    read: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> sqlx::Result<T> {
    let rows = async {
        let mut db = connect(databases, service).await?;
        read(&mut db).await
    };
    while_answering(databases, &[service], rows).await
}

/// Returns no rows if the service is unavailable.
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

async fn orders(db: &mut PgConnection) -> sqlx::Result<Vec<OrderRecord>> {
    let orders = "select order_id, status, lines, created_at, changed_at,
            case when total_minor is not null then
                jsonb_build_object('amount_minor', total_minor, 'currency', currency) end as total
        from customer_order";
    all(db, orders).await
}

async fn inventory(
    db: &mut PgConnection,
) -> sqlx::Result<(Vec<StockRecord>, Vec<ReservationRecord>)> {
    let stock = all(db, "select * from stock").await?;
    let reservations = "select order_id, state,
            jsonb_agg(jsonb_build_object('sku', sku, 'quantity', quantity) order by sku) as lines
        from reservation group by order_id, state";
    Ok((stock, all(db, reservations).await?))
}

async fn payments(
    db: &mut PgConnection,
) -> sqlx::Result<(Vec<PaymentRecord>, Vec<OperationRecord>)> {
    let payments = "select order_id, state, captured_minor, refunded_minor, reference,
            jsonb_build_object('amount_minor', amount_minor, 'currency', currency) as amount
        from payment";
    let payments = all(db, payments).await?;
    // After the payments: the sandbox notes an authorisation before payments does.
    let operations = "select idempotency_key, order_id, reference, result,
            jsonb_build_object('amount_minor', amount_minor, 'currency', currency) as amount
        from sandbox_operation";
    Ok((payments, all(db, operations).await?))
}

async fn shipping(db: &mut PgConnection) -> sqlx::Result<Vec<ShipmentRecord>> {
    all(db, "select order_id, state from shipment").await
}

async fn catalog(db: &mut PgConnection) -> sqlx::Result<Vec<PriceRecord>> {
    let prices = "select *,
            jsonb_build_object('amount_minor', price_minor, 'currency', currency) as price
        from product_price";
    all(db, prices).await
}

/// Returns all products, including the withdrawn ones.
///
/// # Errors
///
/// Returns an error if the database of catalog does not answer.
pub async fn products(databases: &BTreeMap<String, String>) -> sqlx::Result<Vec<Product>> {
    let products = "select *,
            jsonb_build_object('amount_minor', price_minor, 'currency', currency) as price
        from product";
    of(databases, "catalog", async |db| all(db, products).await).await
}

/// Returns the quantity of a product that inventory has received, over all delivery notes.
///
/// # Errors
///
/// Returns an error if the database of inventory does not answer.
pub async fn received(databases: &BTreeMap<String, String>, sku: &str) -> sqlx::Result<i64> {
    let received = of(databases, "inventory", async |db| {
        let received = "select received from stock where sku = $1";
        sqlx::query_scalar(received).bind(sku).fetch_optional(db).await
    });
    Ok(received.await?.unwrap_or_default())
}

async fn cart(db: &mut PgConnection) -> sqlx::Result<(Vec<CheckoutRecord>, Vec<CartRecord>)> {
    let checkouts = "select order_id, cart_id, cart_version, lines, status,
            jsonb_build_object('amount_minor', total_minor, 'currency', currency) as total
        from checkout";
    let checkouts = all(db, checkouts).await?;
    // After the checkouts, so they have the order of each cart, unless the cart is new.
    Ok((checkouts, all(db, "select cart_id, status, order_id from cart").await?))
}

async fn learned(db: &mut PgConnection) -> sqlx::Result<LearnedCounts> {
    Ok(LearnedCounts {
        orders: all(db, "select order_id, skus from customer_order where counted").await?,
        products: all(db, "select sku, orders from product_count").await?,
        pairs: all(db, "select sku, other, orders from pair_count").await?,
    })
}
