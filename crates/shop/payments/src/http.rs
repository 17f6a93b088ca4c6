//! The HTTP routes of payments.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use ballet::Handle;
use ballet::http::{Json, Path, Problem, Query};
use ballet_openapi::{Api, Operation};
use paging::{After, Page};
use shop_events::OrderId;
use sqlx::types::Uuid;

use crate::sandbox::memory::{self, Remembered};
use crate::store::{self, Payment};

pub(crate) fn routes(handle: Handle) -> Router {
    api().router(handle)
}

pub(crate) fn api() -> Api<Handle> {
    Api::new("payments", "The payments of orders, and the sandbox of the card processor.")
        .get(
            "/payments",
            list,
            Operation::new("list_payments", "List payments")
                .about("The newest orders come first.")
                .answers(StatusCode::OK, "A page of payments."),
        )
        .get(
            "/payments/{order_id}",
            read,
            Operation::new("read_payment", "Read the payment of an order")
                .answers(StatusCode::OK, "The payment.")
                .refuses(StatusCode::NOT_FOUND, "The order has no payment, or not yet."),
        )
        .get(
            "/sandbox/operations",
            list_operations,
            Operation::new("list_sandbox_operations", "List the operations of the sandbox")
                .about(
                    "What the card processor knows, for operators and the audit. The newest keys \
                     come first.",
                )
                .answers(StatusCode::OK, "A page of operations."),
        )
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

async fn list_operations(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After<Uuid>>,
) -> Result<Json<Page<Remembered>>, Problem> {
    let operations = memory::page(handle.db(), after, limit).await?;
    Ok(Json(Page::new(operations, limit, |operation| operation.idempotency_key)))
}
