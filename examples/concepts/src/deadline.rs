//! End a saga by its deadline: a reserved seat is kept for the guest who comes in time, and released otherwise.
//!
//! The deadline is set in the transaction that begins the saga, and ends with the one that decides it. If the time is
//! over first, the service publishes an event to itself, which competes for the saga's end.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use ballet::http::{Json, Problem};
use ballet::{Does, Due, Failure, Handle, Migration, SagaId, Service, Tx, done, event, saga};
use jiff::{SignedDuration, Timestamp};

ballet::core::ids! {
    /// A reservation. It is also the id of its saga.
    ReservationId,
}

#[event("reservations.seat_reserved.v1", in_saga)]
pub struct SeatReserved {
    pub seat: String,
}

// The turnstile is no service of ours. Its broker user may publish only this event.
#[event("reservations.guest_arrived.v1", in_saga, also_from("turnstile"))]
pub struct GuestArrived {}

#[event("reservations.seat_kept.v1", in_saga)]
pub struct SeatKept {}

#[event("reservations.time_over.v1", in_saga)]
pub struct TimeOver {
    pub since: Timestamp,
}

#[event("reservations.seat_released.v1", in_saga)]
pub struct SeatReleased {
    pub reason: String,
}

#[saga("seat_reservation", owner = "reservations", abort = SeatReleased)]
pub struct SeatReservation;

#[derive(Debug)]
struct Reservations {
    kept_for: SignedDuration,
}

#[ballet::service("reservations", migrations = TABLES, routes = routes)]
impl Reservations {
    /// The time is over, and the guest has not come.
    #[owns(
        SeatReservation,
        originates(reserve_seat = SeatReserved),
        deadline(self.kept_for(), time_over, released)
    )]
    async fn release_seat(tx: &mut Tx<'_>, _: &SeatReleased) -> Result<(), Failure> {
        set_status(tx, "released").await
    }

    const fn kept_for(&self) -> SignedDuration {
        self.kept_for
    }

    fn time_over(due: Due) -> TimeOver {
        TimeOver { since: due.at }
    }

    fn released(TimeOver { since }: TimeOver) -> SeatReleased {
        SeatReleased { reason: format!("no guest by {since}") }
    }

    /// The decision. A guest who comes when the seat is released is too late: the step does not run.
    #[decides]
    async fn keep_seat(tx: &mut Tx<'_>, _: GuestArrived) -> Does<SeatKept> {
        set_status(tx, "kept").await?;
        done(SeatKept {})
    }
}

async fn set_status(tx: &mut Tx<'_>, status: &str) -> Result<(), Failure> {
    let set = sqlx::query("update reservation set status = $2 where reservation_id = $1");
    set.bind(tx.saga_id()).bind(status).execute(tx.db()).await?;
    Ok(())
}

async fn reserve(
    State(handle): State<Handle>,
    Json(reserved): Json<SeatReserved>,
) -> Result<Json<ReservationId>, Problem> {
    let reservation_id: ReservationId = handle.new_id();
    let mut unit = handle.saga_unit(SagaId(reservation_id.0)).await?;
    let insert = sqlx::query("insert into reservation (reservation_id) values ($1)");
    insert.bind(reservation_id).execute(unit.tx().db()).await?;
    unit.originate(reserved).await?;
    unit.commit().await?;
    Ok(Json(reservation_id))
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_reservation",
    sql: "create table reservation (reservation_id uuid primary key, status text not null default 'open')",
}];

fn routes(handle: Handle) -> Router {
    Router::new().route("/reservations", post(reserve)).with_state(handle)
}

#[must_use]
pub fn service(kept_for: SignedDuration) -> Service {
    Reservations { kept_for }.service()
}
