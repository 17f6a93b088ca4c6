//! Reads the services' rows from their databases.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use ballet_ops::audit::connect;
use serde::de::DeserializeOwned;
use shop_events::catalog::Product;
use sqlx::PgConnection;
use sqlx::types::Json;
use tokio::time::timeout;

use crate::audit::rows::{
    Cart, Checkout, Learned, Operation, Order, Payment, Price, Reservation, Shipment, Snapshot,
    Stock,
};

/// The time limit for one list.
const PATIENCE: Duration = Duration::from_secs(60);

/// The URL of each service's database.
type Databases = BTreeMap<String, String>;

/// Reads every service whose database answers.
pub(super) async fn read(databases: &Databases) -> Snapshot {
    let read_at = now();
    let orders = orders(databases).await;
    let (inventory, payments, shipping, catalog, cart, recommendations) = tokio::join!(
        inventory(databases),
        payments(databases),
        shipping(databases),
        catalog(databases),
        cart(databases),
        learned(databases),
    );
    let mut away = BTreeMap::new();
    let orders = seen("orders", orders, &mut away);
    let (stock, reservations) = seen("inventory", inventory, &mut away);
    let (payments, operations) = seen("payments", payments, &mut away);
    let shipments = seen("shipping", shipping, &mut away);
    let (products, prices) = seen("catalog", catalog, &mut away);
    let (checkouts, carts) = seen("cart", cart, &mut away);
    let learned = seen("recommendations", recommendations, &mut away);
    Snapshot {
        read_at,
        away,
        orders,
        stock,
        reservations,
        payments,
        operations,
        shipments,
        products,
        prices,
        carts,
        checkouts,
        learned,
    }
}

/// The rows, or none of a service that is away.
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

async fn orders(databases: &Databases) -> sqlx::Result<Vec<Order>> {
    let mut db = connect(databases, "orders").await?;
    let orders = "select to_jsonb(customer_order) || jsonb_build_object('total',
        case when total_minor is not null then
            jsonb_build_object('amount_minor', total_minor, 'currency', currency) end)
        from customer_order";
    all(&mut db, orders).await
}

async fn inventory(databases: &Databases) -> sqlx::Result<(Vec<Stock>, Vec<Reservation>)> {
    let mut db = connect(databases, "inventory").await?;
    let stock = all(&mut db, "select to_jsonb(stock) from stock").await?;
    let reservations = "select jsonb_build_object('order_id', order_id, 'state', state, 'lines',
            jsonb_agg(jsonb_build_object('sku', sku, 'quantity', quantity) order by sku))
        from reservation group by order_id, state";
    Ok((stock, all(&mut db, reservations).await?))
}

async fn payments(databases: &Databases) -> sqlx::Result<(Vec<Payment>, Vec<Operation>)> {
    let mut db = connect(databases, "payments").await?;
    let payments = "select to_jsonb(payment) || jsonb_build_object('amount',
        jsonb_build_object('amount_minor', amount_minor, 'currency', currency)) from payment";
    let payments = all(&mut db, payments).await?;
    // After the payments: the sandbox notes an authorisation before payments does.
    let operations = "select to_jsonb(sandbox_operation) || jsonb_build_object('amount',
        jsonb_build_object('amount_minor', amount_minor, 'currency', currency))
        from sandbox_operation";
    Ok((payments, all(&mut db, operations).await?))
}

async fn shipping(databases: &Databases) -> sqlx::Result<Vec<Shipment>> {
    let mut db = connect(databases, "shipping").await?;
    all(&mut db, "select to_jsonb(shipment) from shipment").await
}

async fn catalog(databases: &Databases) -> sqlx::Result<(Vec<Product>, Vec<Price>)> {
    let mut db = connect(databases, "catalog").await?;
    let prices = "select to_jsonb(product_price) || jsonb_build_object('price',
        jsonb_build_object('amount_minor', price_minor, 'currency', currency)) from product_price";
    Ok((products_of(&mut db).await?, all(&mut db, prices).await?))
}

/// All products, also those that are withdrawn.
///
/// # Errors
///
/// If the database of catalog does not answer.
pub async fn products(databases: &BTreeMap<String, String>) -> sqlx::Result<Vec<Product>> {
    products_of(&mut connect(databases, "catalog").await?).await
}

async fn products_of(catalog: &mut PgConnection) -> sqlx::Result<Vec<Product>> {
    let products = "select to_jsonb(product) || jsonb_build_object('price',
        jsonb_build_object('amount_minor', price_minor, 'currency', currency)) from product";
    all(catalog, products).await
}

async fn cart(databases: &Databases) -> sqlx::Result<(Vec<Checkout>, Vec<Cart>)> {
    let mut db = connect(databases, "cart").await?;
    let checkouts = "select to_jsonb(checkout) || jsonb_build_object('total',
        jsonb_build_object('amount_minor', total_minor, 'currency', currency)) from checkout";
    let checkouts = all(&mut db, checkouts).await?;
    // After the checkouts: an order that a cart names is among them, unless the cart is new.
    Ok((checkouts, all(&mut db, "select to_jsonb(cart) from cart").await?))
}

async fn learned(databases: &Databases) -> sqlx::Result<Learned> {
    let mut db = connect(databases, "recommendations").await?;
    let orders = "select to_jsonb(customer_order) from customer_order where counted";
    Ok(Learned {
        orders: all(&mut db, orders).await?,
        products: all(&mut db, "select to_jsonb(product_count) from product_count").await?,
        pairs: all(&mut db, "select to_jsonb(pair_count) from pair_count").await?,
    })
}

/// All rows of a query, each of them one JSON object.
async fn all<Row>(db: &mut PgConnection, query: &'static str) -> sqlx::Result<Vec<Row>>
where
    Row: DeserializeOwned + Send + Unpin + 'static,
{
    let rows = timeout(PATIENCE, sqlx::query_scalar(query).fetch_all(db)).await;
    let rows: Vec<Json<Row>> = rows.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(rows.into_iter().map(|Json(row)| row).collect())
}
