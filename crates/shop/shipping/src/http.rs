//! The HTTP routes of shipping.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use ballet::Handle;
use ballet::http::{Json, Path, Problem, Query};
use paging::{Limit, Page};
use serde::Deserialize;
use shop_events::OrderId;

use crate::store::{self, Shipment};

pub(crate) fn routes(handle: Handle) -> Router {
    Router::new()
        .route("/shipments", get(list))
        .route("/shipments/{order_id}", get(read))
        .with_state(handle)
}

#[derive(Debug, Deserialize)]
struct After {
    after: Option<OrderId>,
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After>,
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
