//! The HTTP routes of shipping.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use ballet::Handle;
use ballet::http::{Json, Path, Problem, Query};
use ballet_openapi::{Api, Operation};
use paging::{After, Page};
use shop_events::OrderId;

use crate::store::{self, Shipment};

pub(crate) fn routes(handle: Handle) -> Router {
    api().router(handle)
}

pub(crate) fn api() -> Api<Handle> {
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
}

async fn list(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After<OrderId>>,
) -> Result<Json<Page<Shipment>>, Problem> {
    let shipments = store::page(handle.db(), after, limit).await?;
    Ok(Json(Page::new(shipments, limit, |shipment| shipment.order_id)))
}

async fn read(
    State(handle): State<Handle>,
    Path(order_id): Path<OrderId>,
) -> Result<Json<Shipment>, Problem> {
    let shipment = store::find(handle.db(), order_id).await?;
    shipment
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("there is no shipment for an order {order_id}")))
}
