//! The HTTP routes of orders.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, LastEventId, Path, Place, Problem, Query};
use ballet::openapi::{
    Accepted, Api, Created, Either, EventStream, IdempotencyKey, NoContent, Operation, Watchers,
};
use ballet::{Abort, Handle, SagaId};
use common::paging::{Limit, Page, cursor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop_events::access::Caller;
use shop_events::access::unpaid::UnpaidLimit;
use shop_events::cart::CartCheckedOut;
use shop_events::{OrderFulfillment, OrderId};
use sqlx::PgConnection;

use crate::config::OrderSettings;
use crate::history::{OrderHistory, StatusChange};
use crate::order::{Order, OrderStatus};
use crate::prices::{self, PricedCheckout};
use crate::refusals::{impossible, not_offered, unknown};
use crate::requests::{NewOrder, example};
use crate::{cancel, checkout, store};

#[derive(Debug, Clone)]
pub(crate) struct OrdersState {
    handle: Handle,
    watchers: Watchers<OrderHistory>,
    unpaid: UnpaidLimit,
}

pub(crate) fn routes(handle: Handle, settings: OrderSettings) -> Router {
    let watchers = Watchers::new(handle.clone(), settings.watchers(), |handle, seen| {
        Box::pin(async move { store::changed(handle.db(), &seen).await })
    });
    api().router(OrdersState { handle, watchers, unpaid: settings.unpaid })
}

pub(crate) fn api() -> Api<OrdersState> {
    let on_its_way = "There is no such order. One that was just checked out may not be here yet: \
                      try again after `Retry-After`.";
    Api::new("orders", "Places, reads, watches and cancels orders.")
        .get(
            "/orders",
            list,
            Operation::new("list_orders", "List orders")
                .about("The orders that were placed last come first. A customer has only its own."),
        )
        .post(
            "/orders",
            place,
            Operation::new("place_order", "Place an order")
                .about(
                    "The prices are those that catalog shows. The answer comes before stock, \
                     payment and shipment are known: read or watch the order to learn them. With an `Idempotency-Key` the request may be sent \
                     again when no answer came: it gets the same order.",
                )
                .example(example())
                .answers(StatusCode::CREATED, "The order is placed.")
                .refuses(StatusCode::FORBIDDEN, "The order is for another customer.")
                .refuses(StatusCode::CONFLICT, "A product is not offered for the price of its line.")
                .refuses(StatusCode::CONFLICT, "The order has more pieces than may be unpaid.")
                .try_again(
                    StatusCode::CONFLICT,
                    "A product's version that was just published may not be known yet: try again \
                     after `Retry-After`.",
                )
                .try_again(
                    StatusCode::TOO_MANY_REQUESTS,
                    "The customer's orders that are not paid have too many pieces.",
                )
                .refuses(StatusCode::SERVICE_UNAVAILABLE, "A price is not known at the moment."),
        )
        .get(
            "/orders/{order_id}",
            read,
            Operation::new("read_order", "Read an order")
                .not_yet(on_its_way),
        )
        .get(
            "/orders/{order_id}/events",
            watch,
            Operation::new("watch_order", "Watch the status of an order")
                .about(
                    "Server-sent events: the status changes so far, and each further one until the \
                     order is completed or cancelled. A client that was cut off sends the id of \
                     the last event that it has seen as `Last-Event-ID`, to any replica, and \
                     misses none.",
                )
                .answers(StatusCode::OK, "The changes of the status.")
                .answers(StatusCode::NO_CONTENT, "The client has seen the last change.")
                .not_yet(on_its_way)
                .try_again(StatusCode::TOO_MANY_REQUESTS, "The customer watches orders too often.")
                .refuses(StatusCode::SERVICE_UNAVAILABLE, "Too many clients watch orders."),
        )
        .post(
            "/orders/{order_id}/cancel",
            cancel,
            Operation::new("cancel_order", "Cancel an order")
                .answers(
                    StatusCode::ACCEPTED,
                    "The order is cancelled. The other services still undo their parts.",
                )
                .answers(StatusCode::OK, "The order was cancelled before.")
                .not_yet(on_its_way)
                .refuses(StatusCode::CONFLICT, "The order is paid and can no longer be cancelled."),
        )
}

/// The answer to a placed order.
#[derive(Debug, Serialize, JsonSchema)]
struct PlacedOrder {
    /// The order.
    order_id: OrderId,
}

async fn place(
    State(OrdersState { handle, unpaid, .. }): State<OrdersState>,
    caller: Caller,
    key: IdempotencyKey,
    Json(NewOrder(checkout)): Json<NewOrder>,
) -> Result<Created<PlacedOrder>, Problem> {
    caller.may_act_for(checkout.customer_id, Place::body(["customer_id"]))?;
    let text = key.text().map(|_| text(&checkout)).transpose()?;
    let request = key.text().zip(text.as_deref());
    let request = request.map(|(key, checkout)| store::KeyedRequest { key, checkout });
    let order_id = handle.new_id::<OrderId>();
    let order =
        checkout::place(order_id, checkout, handle.now()).map_err(|wrong| impossible(&wrong))?;
    let mut unit = handle.saga_unit(SagaId(order_id.0)).await?;
    let others = match caller.only() {
        Some(customer_id) => Some(store::unpaid_pieces(unit.tx().db(), customer_id).await?),
        None => None,
    };
    let is_new = store::place(unit.tx().db(), &order, request).await?;
    if let Some(request) = request.filter(|_| !is_new) {
        let before = placed_before(unit.tx().db(), request).await;
        unit.rollback();
        return before;
    }
    // The key comes first: a repeated request gets its order, whatever the prices and the unpaid orders are now.
    if let Some(others) = others {
        unpaid.judge(&order.lines, others)?;
    }
    let named = PricedCheckout { lines: &order.lines, at: order.placed_at };
    for judged in prices::judge(unit.tx().db(), &[named]).await? {
        judged.map_err(|why| not_offered(&why))?;
    }
    unit.originate(order).await?;
    unit.commit().await?;
    Ok(placed(order_id))
}

fn placed(order_id: OrderId) -> Created<PlacedOrder> {
    Created { location: format!("/orders/{order_id}"), body: PlacedOrder { order_id } }
}

async fn placed_before(
    db: &mut PgConnection,
    request: store::KeyedRequest<'_>,
) -> Result<Created<PlacedOrder>, Problem> {
    match store::find_placed(db, request).await? {
        Some((order_id, true)) => Ok(placed(order_id)),
        Some((_, false)) => Err(IdempotencyKey::taken()),
        // Orders are never deleted.
        None => {
            Err(Problem::conflict("the order of this Idempotency-Key is gone: use another key"))
        }
    }
}

fn text(checkout: &CartCheckedOut) -> Result<String, Problem> {
    serde_json::to_string(checkout).map_err(|error| Problem::unprocessable(error.to_string()))
}

async fn read(
    State(OrdersState { handle, .. }): State<OrdersState>,
    caller: Caller,
    Path(order_id): Path<OrderId>,
) -> Result<Json<Order>, Problem> {
    let order = store::find(handle.db(), order_id).await?;
    let order = order.filter(|order| order.is_for(&caller));
    order.map(Json).ok_or_else(|| unknown(order_id))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OrdersQuery {
    /// Only orders with this status.
    status: Option<OrderStatus>,
    /// The `next` of the page before. Without it, the list begins.
    #[serde(default, deserialize_with = "cursor")]
    after: Option<OrderId>,
    /// The most items on the page.
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(OrdersState { handle, .. }): State<OrdersState>,
    caller: Caller,
    Query(filter): Query<OrdersQuery>,
) -> Result<Json<Page<Order>>, Problem> {
    let OrdersQuery { status, after, limit } = filter;
    let orders = store::page(handle.db(), caller.only(), status, after, limit).await?;
    Ok(Json(Page::new(orders, limit, |order| order.order_id)))
}

async fn watch(
    State(OrdersState { handle, watchers, .. }): State<OrdersState>,
    caller: Caller,
    Path(order_id): Path<OrderId>,
    LastEventId(seen): LastEventId<u32>,
) -> Result<Either<EventStream<StatusChange>, NoContent>, Problem> {
    let find = async {
        let history = store::history(handle.db(), order_id).await?;
        let own = history.filter(|history| caller.is_allowed(history.customer_id));
        own.ok_or_else(|| unknown(order_id))
    };
    let changes = watchers.watch(&caller, seen.unwrap_or(0), find).await?;
    Ok(changes.map_or(Either::That(NoContent), |changes| Either::This(EventStream::new(changes))))
}

async fn cancel(
    State(OrdersState { handle, .. }): State<OrdersState>,
    caller: Caller,
    Path(order_id): Path<OrderId>,
) -> Result<Either<Accepted<Order>, Json<Order>>, Problem> {
    let mut unit = handle.saga_unit(SagaId(order_id.0)).await?;
    let order = store::find(unit.tx().db(), order_id).await?;
    if !order.is_some_and(|order| order.is_for(&caller)) {
        return Err(unknown(order_id));
    }
    let now = match unit.abort::<OrderFulfillment>(cancel::by_customer(order_id)).await? {
        Abort::Aborted => true,
        Abort::AlreadyAborted => false,
        Abort::TooLate => {
            return Err(Problem::conflict(format!(
                "order {order_id} is paid and can no longer be cancelled"
            )));
        }
    };
    let order = store::find(unit.tx().db(), order_id).await?;
    let order = order.ok_or_else(|| unknown(order_id))?;
    unit.commit().await?;
    Ok(if now { Either::This(Accepted(order)) } else { Either::That(Json(order)) })
}
