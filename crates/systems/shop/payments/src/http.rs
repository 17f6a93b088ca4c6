//! The HTTP routes of payments.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Problem, Query};
use ballet::openapi::{Api, NoContent, Operation, json};
use common::outside::{SignedJson, WebhookState};
use common::paging::{After, Page};
use shop_events::OrderId;

use crate::store::payment::{self as store, Payment};
use crate::webhook::PaymentWebhook;

pub(crate) fn api() -> Api<WebhookState> {
    Api::new("payments", "The payments of orders.")
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
        .post(
            "/webhooks/payment-provider",
            take_webhook,
            Operation::new("take_payment_webhook", "Take a webhook of the payment provider")
                .about(
                    "It is stored before it is answered. One that comes again is answered in the \
                     same way and changes nothing.",
                )
                .example(json!({
                    "event_id": "evt_1",
                    "type": "operation.finished",
                    "occurred_at": "2026-01-01T00:00:00Z",
                    "order_id": "0193f7a0-0000-7000-8000-00000000c001",
                    "idempotency_key": "0193f7a0-0000-7000-8000-00000000c002",
                    "reference": null,
                }))
                .answers(StatusCode::NO_CONTENT, "The webhook is stored."),
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

/// Answers once the webhook is stored with its effect.
async fn take_webhook(
    State(state): State<WebhookState>,
    SignedJson(webhook): SignedJson<PaymentWebhook>,
) -> Result<NoContent, Problem> {
    state.take(&webhook).await
}
