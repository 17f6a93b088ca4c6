//! The HTTP routes of shipping.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Problem, Query};
use ballet::openapi::{Api, Operation};
use common::outside::{WebhookState, take_webhook, webhook_operation};
use common::paging::{After, Page};
use shop_events::OrderId;

use crate::store::shipment::{self as store, Shipment};

pub(crate) fn api() -> Api<WebhookState> {
    Api::new("shipping", "The shipments of orders.")
        .get(
            "/shipments",
            list,
            Operation::new("list_shipments", "List shipments")
                .about("The newest orders come first."),
        )
        .get(
            "/shipments/{order_id}",
            read,
            Operation::new("read_shipment", "Read the shipment of an order")
                .refuses(StatusCode::NOT_FOUND, "The order has no shipment, or not yet."),
        )
        .post(
            "/webhooks/carrier",
            take_webhook,
            webhook_operation("take_carrier_webhook", "Take a webhook of the carrier"),
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
