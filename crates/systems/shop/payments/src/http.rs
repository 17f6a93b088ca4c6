//! The HTTP routes of payments.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Problem, Query};
use ballet::openapi::{Api, Operation};
use common::outside::{WebhookState, take_webhook, webhook_operation};
use common::paging::{After, Page};
use shop_events::OrderId;

use crate::store::payment::{self as store, Payment};

pub(crate) fn api() -> Api<WebhookState> {
    Api::new("payments", "The payments of orders.")
        .get(
            "/payments",
            list,
            Operation::new("list_payments", "List payments").about("The newest orders come first."),
        )
        .get(
            "/payments/{order_id}",
            read,
            Operation::new("read_payment", "Read the payment of an order")
                .refuses(StatusCode::NOT_FOUND, "The order has no payment, or not yet."),
        )
        .post(
            "/webhooks/payment-provider",
            take_webhook,
            webhook_operation("take_payment_webhook", "Take a webhook of the payment provider"),
        )
}

async fn list(
    State(WebhookState { handle, .. }): State<WebhookState>,
    Query(After { after, limit }): Query<After<OrderId>>,
) -> Result<Json<Page<Payment>>, Problem> {
    let payments = store::page(handle.db(), after, limit).await?;
    Ok(Json(Page::new(payments, limit, |payment| payment.order_id)))
}

async fn read(
    State(WebhookState { handle, .. }): State<WebhookState>,
    Path(order_id): Path<OrderId>,
) -> Result<Json<Payment>, Problem> {
    let payment = store::find(handle.db(), order_id).await?;
    payment
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("there is no payment for an order {order_id}")))
}
