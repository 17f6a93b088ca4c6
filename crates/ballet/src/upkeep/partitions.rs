//! Makes partitions ahead, and drops those that are too old, while the service runs.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::envelope::Limits;
use jiff::SignedDuration;
use sqlx::PgPool;

use crate::declare::clock::Clock;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::tables::database::{begin, in_time};
use crate::tables::partitions::{self, cover, make};

/// When less is ahead, the log says so as an error.
const URGENT: SignedDuration = SignedDuration::from_hours(24);
/// Held by the replica that tidies up: the number after the one in `tables::partitions`.
const TIDYING: i64 = partitions::MAKING + 1;
const EVERY: Duration = Duration::from_secs(60 * 60);
const AGAIN: Duration = Duration::from_secs(60);

/// Sees to it that a service can start: makes what is missing, and does without what can still be
/// made later.
///
/// # Errors
///
/// Those of the database, but for locks that somebody holds: they are waited for.
pub(crate) async fn prepare(
    pool: &PgPool,
    limits: &Limits,
    clock: &Clock,
) -> Result<(), sqlx::Error> {
    loop {
        let now = clock.now();
        let Err(error) = make(pool, limits, now).await else { return Ok(()) };
        if cover(pool, limits, now).await? {
            tracing::warn!("partitions could not be made ahead, which is tried again: {error}");
            return Ok(());
        }
        let code = error.as_database_error().and_then(|error| error.code());
        // lock_not_available
        if code.as_deref() != Some("55P03") {
            return Err(error);
        }
        tracing::warn!(
            "the partitions for today cannot be made, because somebody has locked \
             ballet.inbox or ballet.ledger; trying again: {error}"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Makes partitions ahead and tidies up, until the service stops.
pub(crate) async fn keep(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    loop {
        let (made, tidied) = tokio::select! {
            done = async { (make_ahead(&engine).await, tidy(&engine).await) } => done,
            () = stopped(&mut stopping) => return,
        };
        if let Err(error) = &tidied {
            tracing::warn!("old rows and partitions stay for now, trying again: {error}");
        }
        let pause = if made.and(tidied).is_ok() { EVERY } else { AGAIN };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped(&mut stopping) => return,
        }
    }
}

async fn make_ahead(engine: &Engine) -> Result<(), sqlx::Error> {
    let (pool, limits, now) = (&engine.pool, &engine.limits, engine.clock.now());
    let made = make(pool, limits, now).await;
    if let Err(error) = &made {
        if cover(pool, limits, now + URGENT).await.unwrap_or(false) {
            tracing::warn!("partitions could not be made ahead, trying again: {error}");
        } else {
            tracing::error!(
                "partitions for tomorrow are missing in ballet.inbox or ballet.ledger, and \
                 without them no message is taken; trying again every {AGAIN:?}: {error}"
            );
        }
    }
    made
}

async fn tidy(engine: &Engine) -> Result<(), sqlx::Error> {
    let (limits, now) = (&engine.limits, engine.clock.now());
    let mut turn = begin(&engine.pool).await?;
    let ours = sqlx::query_as("select pg_try_advisory_xact_lock($1)").bind(TIDYING);
    let (ours,): (bool,) = in_time(ours.fetch_one(&mut *turn)).await?;
    if ours {
        let mut db = engine.pool.acquire().await?;
        let undoable = engine.registry.compensatable_steps();
        partitions::drop_expired(&mut db, limits, &undoable, now).await?;
    }
    in_time(turn.rollback()).await
}
