//! Begin a saga: `POST /orders` writes the order's row and publishes the first event, both or neither.
//!
//! The service that begins a saga owns it. Its row decides how the saga ends: of a refusal and the decision, the
//! first that is committed wins. Nobody conducts: the box office does not know the snack bar. Here a repeated request
//! is another order; the shop's orders (`idempotency.rs`) take an `Idempotency-Key`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use ballet::http::{Json, Place, Problem};
use ballet::{Does, Failure, Handle, Migration, SagaId, Service, Tx, done};
use serde::Deserialize;
use uuid::Uuid;

use crate::ticket_order::{
    CardCharged, CardDeclined, OrderCancelled, OrderConfirmed, SoldOut, TicketOrder, TicketsOrdered,
};

const SEAT_CENTS: i64 = 1_200;

#[derive(Debug, Deserialize)]
struct Wish {
    guest: String,
    show: String,
    seats: u16,
    popcorn: u16,
    card: String,
}

async fn order(
    State(handle): State<Handle>,
    Json(Wish { guest, show, seats, popcorn, card }): Json<Wish>,
) -> Result<(StatusCode, Json<Uuid>), Problem> {
    if !(1..=10).contains(&seats) {
        let problem = Problem::unprocessable("an order is for 1 to 10 seats");
        return Err(problem.at(Place::body(["seats"])));
    }
    let order_id: Uuid = handle.new_id();
    let mut unit = handle.saga_unit(SagaId(order_id)).await?;
    sqlx::query("insert into ticket_order (order_id, guest, seats) values ($1, $2, $3)")
        .bind(order_id)
        .bind(guest)
        .bind(i32::from(seats))
        .execute(unit.tx().db())
        .await?;
    // The price is ours, so no client may name it.
    let price_cents = i64::from(seats) * SEAT_CENTS;
    unit.originate(TicketsOrdered { order_id, show, seats, popcorn, price_cents, card }).await?;
    unit.commit().await?;
    Ok((StatusCode::CREATED, Json(order_id)))
}

#[ballet::service("box_office", migrations = TABLES, routes = routes)]
impl BoxOffice {
    /// The owner's part in an abort.
    #[owns(
        TicketOrder,
        originates(order_tickets = TicketsOrdered),
        aborts_on(
            |SoldOut { order_id }| cancelled(order_id, "sold out".to_owned()),
            |CardDeclined { order_id, reason }| cancelled(order_id, reason)
        )
    )]
    async fn cancel_order(tx: &mut Tx<'_>, cancelled: &OrderCancelled) -> Result<(), Failure> {
        let cancel =
            "update ticket_order set status = 'cancelled', reason = $2 where order_id = $1";
        let cancel = sqlx::query(cancel).bind(cancelled.order_id).bind(&cancelled.reason);
        cancel.execute(tx.db()).await?;
        Ok(())
    }

    /// The decision: it does not run if the order was cancelled first.
    #[decides]
    async fn confirm_order(tx: &mut Tx<'_>, charged: CardCharged) -> Does<OrderConfirmed> {
        let confirm = "update ticket_order set status = 'confirmed' where order_id = $1
                       returning guest, seats";
        let confirm = sqlx::query_as::<_, (String, i32)>(confirm).bind(charged.order_id);
        let (guest, seats) = confirm.fetch_one(tx.db()).await?;
        done(OrderConfirmed { order_id: charged.order_id, guest, seats: u16::try_from(seats)? })
    }
}

fn cancelled(order_id: Uuid, reason: String) -> OrderCancelled {
    OrderCancelled { order_id, reason }
}

fn routes(handle: Handle) -> Router {
    Router::new().route("/orders", post(order)).with_state(handle)
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_ticket_order",
    sql: "create table ticket_order (order_id uuid primary key, guest text not null, seats int not null,
              status text not null default 'open', reason text)",
}];

#[must_use]
pub fn service() -> Service {
    BoxOffice::service()
}
