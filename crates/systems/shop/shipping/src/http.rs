//! The HTTP routes of shipping.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Problem, Query};
use ballet::openapi::{Api, NoContent, Operation, json};
use common::outside::{SignedJson, WebhookState};
use common::paging::{After, Page};
use shop_events::OrderId;

use crate::store::shipment::{self as store, Shipment};
use crate::webhook::CarrierWebhook;

pub(crate) fn api() -> Api<WebhookState> {
    Api::new("shipping", "The shipments of orders.")
        .get(
            "/shipments",
            list,
            Operation::new("list_shipments", "List shipments")
                .about("The newest orders come first.")
                .answers(StatusCode::OK, "A page of shipments."),
        )
        .get(
            "/shipments/{order_id}",
            read,
            Operation::new("read_shipment", "Read the shipment of an order")
                .answers(StatusCode::OK, "The shipment.")
                .refuses(StatusCode::NOT_FOUND, "The order has no shipment, or not yet."),
        )
        .post(
            "/webhooks/carrier",
            take_webhook,
            Operation::new("take_carrier_webhook", "Take a webhook of the carrier")
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
                    "tracking": null,
                }))
                .answers(StatusCode::NO_CONTENT, "The webhook is stored."),
        )
}

async fn list(
    State(WebhookState { handle, .. }): State<WebhookState>,
    Query(After { after, limit }): Query<After<OrderId>>,
) -> Result<Json<Page<Shipment>>, Problem> {
    let shipments = store::page(handle.db(), after, limit).await?;
    Ok(Json(Page::new(shipments, limit, |shipment| shipment.order_id)))
}

async fn read(
    State(WebhookState { handle, .. }): State<WebhookState>,
    Path(order_id): Path<OrderId>,
) -> Result<Json<Shipment>, Problem> {
    let shipment = store::find(handle.db(), order_id).await?;
    shipment
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("there is no shipment for an order {order_id}")))
}

/// Answers once the webhook is stored with its effect.
async fn take_webhook(
    State(state): State<WebhookState>,
    SignedJson(webhook): SignedJson<CarrierWebhook>,
) -> Result<NoContent, Problem> {
    state.take(&webhook).await
}
