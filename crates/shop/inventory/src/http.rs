//! The HTTP routes of inventory.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use ballet::Handle;
use ballet::http::{Json, Path, Problem, Query};
use paging::{Limit, Page};
use serde::Deserialize;
use shop_events::inventory::StockReceived;
use shop_events::{OrderId, Sku};

use crate::store::reservation::{self, Reservation};
use crate::store::stock::{self, Received, Stock};

/// The largest quantity of a receipt.
const MAX_RECEIVED: u64 = 1_000_000_000;
/// The longest delivery note number, in bytes.
const MAX_RECEIPT: usize = 100;

pub(crate) fn routes(handle: Handle) -> Router {
    Router::new()
        .route("/stock", get(list))
        .route("/stock/{sku}", get(read))
        .route("/stock/{sku}/receive", post(receive))
        .route("/reservations", get(list_reservations))
        .route("/reservations/{order_id}", get(read_reservation))
        .with_state(handle)
}

#[derive(Debug, Deserialize)]
struct After<Key> {
    after: Option<Key>,
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After<Sku>>,
) -> Result<Json<Page<Stock>>, Problem> {
    let stock = stock::page(handle.db(), after.as_ref(), limit).await?;
    Ok(Json(Page::new(stock, limit, |stock| stock.sku.clone())))
}

async fn read(State(handle): State<Handle>, Path(sku): Path<Sku>) -> Result<Json<Stock>, Problem> {
    let stock = stock::find(handle.db(), &sku).await?;
    stock.map(Json).ok_or_else(|| Problem::not_found(format!("{sku} was never received")))
}

#[derive(Debug, Deserialize)]
struct Receipt {
    /// The delivery note's number.
    receipt: String,
    quantity: u64,
}

/// Receives goods. A repeated request changes nothing.
async fn receive(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    Json(Receipt { receipt, quantity }): Json<Receipt>,
) -> Result<Json<Stock>, Problem> {
    if !(1..=MAX_RECEIVED).contains(&quantity) {
        return Err(Problem::unprocessable(format!("quantity is 1 to {MAX_RECEIVED}")));
    }
    if !(1..=MAX_RECEIPT).contains(&receipt.len()) || receipt.chars().any(char::is_control) {
        return Err(Problem::unprocessable(format!(
            "receipt is the delivery note's number: 1 to {MAX_RECEIPT} bytes, no control characters"
        )));
    }
    let received = StockReceived { sku, quantity, receipt };
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    match stock::receive(tx.db(), &received, now).await? {
        Received::Now => tx.publish(&received).await?,
        Received::Before => {}
        Received::Differently { quantity } => {
            return Err(Problem::conflict(format!(
                "receipt {:?} was counted before with {quantity} of {}",
                received.receipt, received.sku
            )));
        }
    }
    let stock = stock::find(tx.db(), &received.sku).await?;
    unit.commit().await?;
    stock.map(Json).ok_or_else(|| Problem::not_found("the stock is gone"))
}

async fn list_reservations(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After<OrderId>>,
) -> Result<Json<Page<Reservation>>, Problem> {
    let reservations = reservation::page(handle.db(), after, limit).await?;
    Ok(Json(Page::new(reservations, limit, |reservation| reservation.order_id)))
}

async fn read_reservation(
    State(handle): State<Handle>,
    Path(order_id): Path<OrderId>,
) -> Result<Json<Reservation>, Problem> {
    let reservation = reservation::find(handle.db(), order_id).await?;
    reservation
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("nothing was held for an order {order_id}")))
}
