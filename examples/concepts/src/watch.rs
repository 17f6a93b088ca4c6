//! Stay open until signs of life end: a private screening goes on for as long as somebody sits in the room.
//!
//! The chairs say every few seconds that somebody sits there, and the guest may say that the film is over. Both only
//! write a row. The watch looks at it from time to time, and at once after a hint.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use ballet::http::{Json, Path, Problem};
use ballet::{
    Does, Failure, Handle, Look, Migration, SagaId, Service, Tx, done, event, look_now, saga,
};
use jiff::SignedDuration;
use jiff_sqlx::ToSqlx;
use sqlx::types::Uuid;

ballet::core::ids! {
    /// A screening. It is also the id of its saga.
    ScreeningId,
}

#[event("screenings.room_taken.v1", in_saga)]
pub struct RoomTaken {
    pub film: String,
}

#[event("screenings.film_started.v1", in_saga)]
pub struct FilmStarted {}

#[event("screenings.room_emptied.v1", in_saga)]
pub struct RoomEmptied {
    pub reason: String,
}

#[event("screenings.room_refused.v1", in_saga)]
pub struct RoomRefused {}

#[saga("screening", owner = "screenings", abort = RoomRefused)]
pub struct Screening;

#[derive(Debug)]
struct Screenings {
    /// A room without a guest in a seat is empty after this time.
    empty_after: SignedDuration,
}

#[ballet::service("screenings", migrations = TABLES, routes = routes)]
impl Screenings {
    #[owns(Screening, originates(take_room = RoomTaken))]
    async fn refuse_room(_: &mut Tx<'_>, _: &RoomRefused) -> Result<(), Failure> {
        Ok(())
    }

    /// The decision: from here on the film runs.
    #[decides]
    async fn start_film(_: &mut Tx<'_>, _: RoomTaken) -> Does<FilmStarted> {
        done(FilmStarted {})
    }

    #[watches(look = look_into_room)]
    async fn watch_room(tx: &mut Tx<'_>, _: FilmStarted) -> Result<(), Failure> {
        let insert = "insert into screening (screening_id, seated_at) values ($1, $2)";
        let insert = sqlx::query(insert).bind(tx.saga_id());
        insert.bind(tx.now().to_sqlx()).execute(tx.db()).await?;
        Ok(())
    }

    async fn look_into_room(&self, tx: &mut Tx<'_>) -> Result<Look<RoomEmptied>, Failure> {
        let (is_over, empty_for): (bool, f64) = sqlx::query_as(
            "select is_over, extract(epoch from $2 - seated_at)::float8 from screening \
             where screening_id = $1",
        )
        .bind(tx.saga_id())
        .bind(tx.now().to_sqlx())
        .fetch_one(tx.db())
        .await?;
        let reason = if is_over {
            "the film is over"
        } else if empty_for >= self.empty_after.as_secs_f64() {
            "nobody sits there"
        } else {
            return Ok(Look::Open(self.empty_after / 3));
        };
        Ok(Look::Over(RoomEmptied { reason: reason.to_owned() }))
    }
}

async fn take(
    State(handle): State<Handle>,
    Json(taken): Json<RoomTaken>,
) -> Result<Json<ScreeningId>, Problem> {
    let screening_id: ScreeningId = handle.new_id();
    let mut unit = handle.saga_unit(SagaId(screening_id.0)).await?;
    unit.originate(taken).await?;
    unit.commit().await?;
    Ok(Json(screening_id))
}

/// A sign of life costs one row, however often it comes.
async fn sit(State(handle): State<Handle>, Path(screening_id): Path<Uuid>) -> Result<(), Problem> {
    let sign = "update screening set seated_at = $2 where screening_id = $1";
    sqlx::query(sign).bind(screening_id).bind(handle.now().to_sqlx()).execute(handle.db()).await?;
    Ok(())
}

/// The row and the hint commit together.
async fn leave(
    State(handle): State<Handle>,
    Path(screening_id): Path<Uuid>,
) -> Result<(), Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let over = "update screening set is_over = true where screening_id = $1";
    sqlx::query(over).bind(screening_id).execute(tx.db()).await?;
    look_now::<WatchRoom>(&mut tx, SagaId(screening_id)).await?;
    unit.commit().await?;
    Ok(())
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_screening",
    sql: "create table screening (screening_id uuid primary key, seated_at timestamptz not null, \
          is_over boolean not null default false)",
}];

fn routes(handle: Handle) -> Router {
    Router::new()
        .route("/screenings", post(take))
        .route("/screenings/{screening_id}/sit", post(sit))
        .route("/screenings/{screening_id}/leave", post(leave))
        .with_state(handle)
}

#[must_use]
pub fn service(empty_after: SignedDuration) -> Service {
    Screenings { empty_after }.service()
}
