//! The HTTP routes of orders.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use ballet::http::{Json, Path, Problem, Query};
use ballet::{Abort, Handle, SagaId};
use paging::{Limit, Page};
use serde::{Deserialize, Serialize};
use shop_events::cart::CartCheckedOut;
use shop_events::{OrderFulfillment, OrderId};

use crate::order::{Order, Status};
use crate::{cancel, checkout, store};

pub(crate) fn routes(handle: Handle) -> Router {
    Router::new()
        .route("/orders", post(place).get(list))
        .route("/orders/{order_id}", get(read))
        .route("/orders/{order_id}/cancel", post(cancel))
        .with_state(handle)
}

#[derive(Debug, Serialize)]
struct Placed {
    order_id: OrderId,
}

/// Places an order. The body is that of `cart.checked_out.v1`; an invalid checkout is refused.
async fn place(
    State(handle): State<Handle>,
    Json(checkout): Json<CartCheckedOut>,
) -> Result<impl IntoResponse, Problem> {
    let order_id = handle.new_id::<OrderId>();
    let order = checkout::place(order_id, checkout, handle.now())
        .map_err(|impossible| Problem::unprocessable(impossible.to_string()))?;
    let mut unit = handle.saga_unit(SagaId(order_id.0)).await?;
    store::place(unit.tx().db(), &order).await?;
    unit.originate(order).await?;
    unit.commit().await?;
    let location = [(header::LOCATION, format!("/orders/{order_id}"))];
    Ok((StatusCode::CREATED, location, Json(Placed { order_id })))
}

async fn read(
    State(handle): State<Handle>,
    Path(order_id): Path<OrderId>,
) -> Result<Json<Order>, Problem> {
    store::find(handle.db(), order_id).await?.map(Json).ok_or_else(|| unknown(order_id))
}

#[derive(Debug, Deserialize)]
struct Filter {
    status: Option<Status>,
    after: Option<OrderId>,
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(handle): State<Handle>,
    Query(filter): Query<Filter>,
) -> Result<Json<Page<Order>>, Problem> {
    let Filter { status, after, limit } = filter;
    let orders = store::page(handle.db(), status, after, limit).await?;
    Ok(Json(Page::new(orders, limit, |order| order.order_id)))
}

/// Cancels an order. 202 if the other services still have to undo their parts, 200 if the order was
/// already cancelled.
async fn cancel(
    State(handle): State<Handle>,
    Path(order_id): Path<OrderId>,
) -> Result<(StatusCode, Json<Order>), Problem> {
    let mut unit = handle.saga_unit(SagaId(order_id.0)).await?;
    if store::find(unit.tx().db(), order_id).await?.is_none() {
        return Err(unknown(order_id));
    }
    let status = match unit.abort::<OrderFulfillment>(cancel::by_customer(order_id)).await? {
        Abort::Aborted => StatusCode::ACCEPTED,
        Abort::AlreadyAborted => StatusCode::OK,
        Abort::TooLate => {
            return Err(Problem::conflict(format!(
                "order {order_id} is paid and can no longer be cancelled"
            )));
        }
    };
    let order = store::find(unit.tx().db(), order_id).await?.ok_or_else(|| unknown(order_id))?;
    unit.commit().await?;
    Ok((status, Json(order)))
}

fn unknown(order_id: OrderId) -> Problem {
    Problem::not_found(format!("there is no order {order_id}"))
}
