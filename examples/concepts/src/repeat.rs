//! Repeat a step, and take one repetition back: guests join a private party one after the other, and each gets a
//! chair. One who leaves gives up that chair; if the party is cancelled, all chairs are free.
//!
//! The key distinguishes the repetitions. Under one key the step runs once, and never again after it was taken back:
//! a guest who comes back joins under another number.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use ballet::http::{Json, Path, Problem};
use ballet::{
    Does, Event, Failure, Handle, Migration, SagaId, Service, Tx, Undoes, compensated, done, event,
    saga,
};
use sqlx::types::Uuid;

ballet::core::ids! {
    /// A party. It is also the id of its saga.
    PartyId,
}

#[event("parties.party_planned.v1", in_saga)]
pub struct PartyPlanned {
    pub room: String,
}

#[event("parties.guest_joined.v1", in_saga)]
pub struct GuestJoined {
    pub guest: i32,
}

#[event("parties.guest_left.v1", in_saga)]
pub struct GuestLeft {
    pub guest: i32,
}

#[event("parties.chair_set.v1", in_saga)]
pub struct ChairSet {
    pub guest: i32,
    pub chair: i32,
}

#[event("parties.chair_freed.v1", in_saga)]
pub struct ChairFreed {
    pub guest: i32,
    pub chair: i32,
}

#[event("parties.doors_opened.v1", in_saga)]
pub struct DoorsOpened {}

#[event("parties.party_begun.v1", in_saga)]
pub struct PartyBegun {}

#[event("parties.party_cancelled.v1", in_saga)]
pub struct PartyCancelled {}

#[saga("private_party", owner = "parties", abort = PartyCancelled)]
pub struct Party;

#[ballet::service(
    "parties",
    migrations = TABLES,
    routes = routes,
    publishes(GuestJoined, GuestLeft, DoorsOpened)
)]
impl Parties {
    #[owns(Party, originates(plan_party = PartyPlanned))]
    async fn cancel_party(_: &mut Tx<'_>, _: &PartyCancelled) -> Result<(), Failure> {
        Ok(())
    }

    /// Runs once for each guest.
    #[repeating(
        undo = free_chair,
        key = |joined| joined.guest.to_string(),
        undone_by = |left: &GuestLeft| left.guest.to_string()
    )]
    async fn set_chair(tx: &mut Tx<'_>, joined: GuestJoined) -> Does<ChairSet> {
        let chair = sqlx::query_scalar(
            "insert into chair (party_id, guest, chair) \
             select $1, $2, min(number) from generate_series(1, 1000) as number \
             where number not in (select chair from chair where party_id = $1) returning chair",
        )
        .bind(tx.saga_id())
        .bind(joined.guest)
        .fetch_one(tx.db())
        .await?;
        done(ChairSet { guest: joined.guest, chair })
    }

    /// Gets the event of the repetition. If the party is cancelled, it runs for each that is left.
    async fn free_chair(tx: &mut Tx<'_>, set: ChairSet) -> Undoes<ChairFreed> {
        let ChairSet { guest, chair } = set;
        sqlx::query("delete from chair where party_id = $1 and chair = $2")
            .bind(tx.saga_id())
            .bind(chair)
            .execute(tx.db())
            .await?;
        compensated(ChairFreed { guest, chair })
    }

    /// The decision: from now on nothing is cancelled.
    #[decides]
    async fn begin_party(_: &mut Tx<'_>, _: DoorsOpened) -> Does<PartyBegun> {
        done(PartyBegun {})
    }
}

async fn plan(
    State(handle): State<Handle>,
    Json(planned): Json<PartyPlanned>,
) -> Result<Json<PartyId>, Problem> {
    let party_id: PartyId = handle.new_id();
    let mut unit = handle.saga_unit(SagaId(party_id.0)).await?;
    unit.originate(planned).await?;
    unit.commit().await?;
    Ok(Json(party_id))
}

async fn join(
    State(handle): State<Handle>,
    Path((party_id, guest)): Path<(Uuid, i32)>,
) -> Result<(), Problem> {
    publish(&handle, party_id, &GuestJoined { guest }).await
}

async fn leave(
    State(handle): State<Handle>,
    Path((party_id, guest)): Path<(Uuid, i32)>,
) -> Result<(), Problem> {
    publish(&handle, party_id, &GuestLeft { guest }).await
}

async fn open(State(handle): State<Handle>, Path(party_id): Path<Uuid>) -> Result<(), Problem> {
    publish(&handle, party_id, &DoorsOpened {}).await
}

async fn publish(handle: &Handle, party_id: Uuid, event: &impl Event) -> Result<(), Problem> {
    let mut unit = handle.saga_unit(SagaId(party_id)).await?;
    unit.tx().publish(event).await?;
    Ok(unit.commit().await?)
}

async fn cancel(State(handle): State<Handle>, Path(party_id): Path<Uuid>) -> Result<(), Problem> {
    let mut unit = handle.saga_unit(SagaId(party_id)).await?;
    unit.abort::<Party>(PartyCancelled {}).await?;
    Ok(unit.commit().await?)
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_chair",
    sql: "create table chair (party_id uuid, chair int, guest int not null, \
          primary key (party_id, chair))",
}];

fn routes(handle: Handle) -> Router {
    Router::new()
        .route("/parties", post(plan))
        .route("/parties/{party_id}/guests/{guest}/join", post(join))
        .route("/parties/{party_id}/guests/{guest}/leave", post(leave))
        .route("/parties/{party_id}/open", post(open))
        .route("/parties/{party_id}/cancel", post(cancel))
        .with_state(handle)
}

#[must_use]
pub fn service() -> Service {
    Parties::service()
}
