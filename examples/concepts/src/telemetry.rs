//! Telemetry: the projectors say every few seconds for how long their lamps have shone, and a table has the sum of
//! each.
//!
//! Nobody reacts to a single measurement, so it is no event. An unconfirmed measurement is sent again and may be in
//! the stream twice. So it carries the sum since the start, and the maximum counts.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use ballet::http::{Json, Problem};
use ballet::{Failure, Handle, Migration, Reading, Service, Tx, telemetry};

// The measurements of one projector come in order.
#[telemetry("projectors.lamp_shone.v1", key = projector)]
pub struct LampShone {
    pub projector: String,
    /// Since the lamp was new.
    pub seconds: u32,
}

/// One service publishes and reads here. The reader may as well be another one.
#[ballet::service(
    "projectors",
    migrations = TABLES,
    routes = routes,
    publishes_telemetry(LampShone)
)]
impl Projectors {
    /// Its rows and its place in the stream commit together.
    #[reads_telemetry(reset = forget_lamps)]
    async fn lamp_ages(tx: &mut Tx<'_>, batch: &[Reading<LampShone>]) -> Result<(), Failure> {
        let projectors: Vec<&str> = batch.iter().map(|one| &*one.value.projector).collect();
        let seconds: Vec<i64> = batch.iter().map(|one| one.value.seconds.into()).collect();
        sqlx::query(
            "insert into lamp as l select projector, max(seconds) \
             from unnest($1::text[], $2::bigint[]) as said (projector, seconds) \
             group by projector \
             on conflict (projector) do update set seconds = greatest(l.seconds, excluded.seconds)",
        )
        .bind(&projectors)
        .bind(&seconds)
        .execute(tx.db())
        .await?;
        Ok(())
    }

    /// Somebody wants the stream read again from its beginning.
    async fn forget_lamps(tx: &mut Tx<'_>) -> Result<(), Failure> {
        sqlx::query("delete from lamp").execute(tx.db()).await?;
        Ok(())
    }
}

/// Answers when the broker has it on disk; else with 503, and the projector sends it again.
async fn shine(State(handle): State<Handle>, Json(shone): Json<LampShone>) -> Result<(), Problem> {
    Ok(handle.telemetry::<LampShone>().send(&shone).await?)
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_lamp",
    sql: "create table lamp (projector text primary key, seconds bigint not null)",
}];

fn routes(handle: Handle) -> Router {
    Router::new().route("/lamps", post(shine)).with_state(handle)
}

#[must_use]
pub fn service() -> Service {
    Projectors::service()
}
