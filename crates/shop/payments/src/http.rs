//! The HTTP routes of payments.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use ballet::Handle;
use ballet::http::{Json, Path, Problem, Query};
use paging::{Limit, Page};
use serde::Deserialize;
use shop_events::OrderId;
use sqlx::types::Uuid;

use crate::sandbox::memory::{self, Remembered};
use crate::store::{self, Payment};

pub(crate) fn routes(handle: Handle) -> Router {
    Router::new()
        .route("/payments", get(list))
        .route("/payments/{order_id}", get(read))
        .route("/sandbox/operations", get(list_operations))
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
    Query(After { after, limit }): Query<After<OrderId>>,
) -> Result<Json<Page<Payment>>, Problem> {
    let payments = store::page(handle.db(), after, limit).await?;
    Ok(Json(Page::new(payments, limit, |payment| payment.order_id)))
}

async fn read(
    State(handle): State<Handle>,
    Path(order_id): Path<OrderId>,
) -> Result<Json<Payment>, Problem> {
    let payment = store::find(handle.db(), order_id).await?;
    payment
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("there is no payment for an order {order_id}")))
}

/// The operations of the sandbox by key: the provider's view, for the audit and for operators.
async fn list_operations(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After<Uuid>>,
) -> Result<Json<Page<Remembered>>, Problem> {
    let operations = memory::page(handle.db(), after, limit).await?;
    Ok(Json(Page::new(operations, limit, |operation| operation.idempotency_key)))
}
