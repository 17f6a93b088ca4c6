//! Creates partitions ahead and drops old ones while the service runs.

use std::time::{Duration, Instant};

use ballet_amqp::{Backoff, jittered};
use ballet_core::envelope::Limits;
use ballet_store::database::connection::{in_time, is_lock_timeout};
use ballet_store::ledger::open_sagas::Stages;
use ballet_store::partitions;
use ballet_store::partitions::{cover, make};
use ballet_store::upkeep::chores::Chores;
use ballet_store::upkeep::expired_rows;
use ballet_store::upkeep::old_partitions;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgPool;
use tokio::sync::watch;

use crate::declare::handler::clock::Clock;
use crate::engine::shared_clock::ProcessClocks;
use crate::engine::stopping::stopped;
use crate::upkeep::database::clock;

/// If partitions cover less time ahead, the failure is logged as an error.
const URGENT: SignedDuration = SignedDuration::from_hours(24);
/// The lock of the replica that cleans up: the number after the one in `ballet_store::partitions`.
const TIDYING: i64 = partitions::MAKING + 1;
const EVERY: Duration = Duration::from_secs(60 * 60);
const AGAIN: Duration = Duration::from_secs(60);
/// How often it asks whether it is due.
const LOOK: Duration = Duration::from_secs(5);

/// Creates the partitions that a service needs to start. Partitions for later days may still be
/// missing.
///
/// # Errors
///
/// The error of the database. The function waits for locks that another session holds.
pub(crate) async fn prepare(
    pool: &PgPool,
    limits: &Limits,
    clock: &Clock,
) -> Result<(), sqlx::Error> {
    let mut told = false;
    loop {
        let now = clock.now();
        let Err(error) = make(pool, limits, now).await else { return Ok(()) };
        if cover(pool, limits, now).await? {
            tracing::warn!(
                "partitions for the next days could not be created; trying again later: {error}"
            );
            return Ok(());
        }
        if !is_lock_timeout(&error) {
            return Err(error);
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(
                "the partitions for today cannot be created, because another session has locked \
                 ballet.inbox or ballet.ledger; trying again: {error}"
            );
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

pub(crate) struct PartitionKeeper {
    pub(crate) pool: PgPool,
    pub(crate) limits: Limits,
    pub(crate) time: ProcessClocks,
    pub(crate) stages: Stages,
}

/// Creates partitions ahead and cleans up, until the service stops. It begins after some seconds,
/// since a service that starts has [made](prepare) its partitions, and has messages to handle
/// first.
pub(crate) async fn keep(keeper: PartitionKeeper, mut stopping: watch::Receiver<bool>) {
    let mut tidying = Backoff::REMOVAL;
    tokio::select! {
        () = passed(&keeper.time.clock, keeper.time.clock.now(), jittered(LOOK)) => {}
        () = stopped(&mut stopping) => return,
    }
    loop {
        // Taken first, since a look at the database may find that days have passed since.
        let begun = keeper.time.clock.now();
        let (made, tidied) = tokio::select! {
            done = async { (make_ahead(&keeper).await, tidy(&keeper).await) } => done,
            () = stopped(&mut stopping) => return,
        };
        let failed = tidied.unwrap_or_else(|error| Some(error.to_string()));
        if let Some(failed) = &failed {
            tracing::warn!("old rows or partitions could not be removed; trying again: {failed}");
        }
        let pause = if made.is_err() {
            AGAIN
        } else if failed.is_some() {
            // A removal that always fails does not make the rest be done each minute.
            tidying.wait().max(AGAIN)
        } else {
            tidying.reset();
            EVERY
        };
        tokio::select! {
            () = passed(&keeper.time.clock, begun, pause) => {}
            () = stopped(&mut stopping) => return,
        }
    }
}

/// Returns when this much time has passed since `begun` by the shared clock, or from now on by the
/// time that this process was running. A machine that was suspended for days is due at once.
async fn passed(clock: &Clock, begun: Timestamp, pause: Duration) {
    let due = Instant::now() + pause;
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    while Instant::now() < due && clock.now().duration_since(begun) < pause {
        tokio::time::sleep(LOOK.min(due.saturating_duration_since(Instant::now()))).await;
    }
}

async fn make_ahead(keeper: &PartitionKeeper) -> Result<(), sqlx::Error> {
    let PartitionKeeper { pool, limits, time, .. } = keeper;
    let now = time.clock.now();
    let made = make(pool, limits, now).await;
    if let Err(error) = &made {
        if cover(pool, limits, now + URGENT).await.unwrap_or(false) {
            tracing::warn!(
                "partitions for the next days could not be created; trying again: {error}"
            );
        } else {
            tracing::error!(
                "partitions for tomorrow are missing in ballet.inbox or ballet.ledger, and no \
                 message can be handled without them; trying again every {AGAIN:?}: {error}"
            );
        }
    }
    made
}

/// Returns what failed.
async fn tidy(keeper: &PartitionKeeper) -> Result<Option<String>, sqlx::Error> {
    let PartitionKeeper { pool, limits, time, stages } = keeper;
    // Freshly asked, since what is removed does not come back.
    clock::ask(pool, &time.shared).await?;
    if time.shared.doubt().is_some() {
        return Ok(None);
    }
    let now = time.clock.now();
    let mut db = in_time(pool.acquire()).await?;
    // The lock belongs to the session, since no transaction lasts as long as this may take. However
    // this ends, the closed connection frees the lock.
    db.close_on_drop();
    // A process that is frozen between two statements does not keep it for longer, either.
    in_time(sqlx::query("set idle_session_timeout = '20s'").execute(&mut *db)).await?;
    let ours = sqlx::query_as("select pg_try_advisory_lock($1)").bind(TIDYING);
    let (ours,): (bool,) = in_time(ours.fetch_one(&mut *db)).await?;
    let mut chores = Chores::default();
    if ours {
        expired_rows::delete(&mut db, limits, stages, now, &mut chores).await?;
        old_partitions::drop_old(&mut db, limits, stages, now, &mut chores).await?;
        let turn = sqlx::query("select pg_advisory_unlock($1)").bind(TIDYING);
        in_time(turn.execute(&mut *db)).await?;
    }
    Ok(chores.failed())
}
