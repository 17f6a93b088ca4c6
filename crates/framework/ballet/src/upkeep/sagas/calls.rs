//! Claims due calls, and records failed attempts, many with one statement, so open calls take one
//! connection.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Backoff, jittered};
use ballet_core::fault::{self, FaultPoint, WorksOn};
use ballet_store::calls::claims as call_claims;
use ballet_store::calls::stored as calls;
use ballet_store::database::connection::begin;
use ballet_store::process;
use tokio::time::Instant;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::engine::caller::make;
use crate::engine::calls::open_calls::{CallFate, FailedCall};
use crate::engine::engine::Engine;
use crate::engine::stopping::{stopped, waited};
use crate::upkeep::failure_log;

/// Time for failures, and for room, to gather before the next statement.
const GATHER: Duration = Duration::from_millis(20);
const AFTER_ERROR: Duration = Duration::from_secs(2);
/// How often to look for processes that are gone.
const LOOK_FOR_GONE: Duration = Duration::from_secs(2);
const COUNT_EVERY: Duration = Duration::from_secs(10);
pub(crate) async fn run(engine: Arc<Engine>) {
    engine.calls.begin();
    let mut stopping = engine.stopping.clone();
    let work = async {
        loop {
            engine.calls.until_due().await;
            let worked = async {
                note_failures(&engine).await?;
                claim_due(&engine).await
            };
            let pause = match worked.await {
                Ok(()) => GATHER,
                Err(failure) => {
                    failure_log::waits(&engine.database, "calls to the outside wait", &failure);
                    AFTER_ERROR
                }
            };
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = stopped(&mut stopping) => {}
    }
}

async fn note_failures(engine: &Engine) -> Result<(), Failure> {
    let failed = engine.calls.take_failed();
    if failed.is_empty() {
        return Ok(());
    }
    let note = |failed: &FailedCall| match failed.then {
        // Not before the other side wants it.
        CallFate::After(pause) | CallFate::Taken(pause) => Some(pause + jittered(GATHER)),
        CallFate::Again => Some(jittered(Backoff::CALL.after(failed.call.attempts))),
        CallFate::SetAside => None,
    };
    let pauses: Vec<Option<Duration>> = failed.iter().map(note).collect();
    let notes: Vec<_> = failed
        .iter()
        .zip(&pauses)
        .map(|(failed, pause)| calls::FailedAttempt {
            call: &failed.call,
            failure: &failed.failure,
            pause: *pause,
            is_taken: matches!(failed.then, CallFate::Taken(_)),
        })
        .collect();
    fault::point(FaultPoint::BeforeNote, &*failed);
    let noted =
        answered(calls::note_failures(&engine.database.upkeep, engine.relay.process, &notes)).await;
    drop(notes);
    if let Err(failure) = noted {
        engine.calls.give_back(failed);
        return Err(failure);
    }
    fault::point(FaultPoint::AfterNote, &*failed);
    for (FailedCall { mut call, claim, .. }, pause) in failed.into_iter().zip(pauses) {
        drop(claim);
        call.is_repeated = true;
        if let Some(pause) = pause {
            engine.calls.look_after(&call, pause);
        }
    }
    Ok(())
}

async fn claim_due(engine: &Arc<Engine>) -> Result<(), Failure> {
    let rooms = engine.calls.rooms();
    if rooms.is_empty() {
        return Ok(());
    }
    let held = engine.calls.held();
    let mut transaction = begin(&engine.database.upkeep).await?;
    let claim = engine.calls.claim(&mut transaction, engine.relay.process, &rooms, &held);
    let claimed = answered(claim).await?;
    let names = fault::works_on(|| claimed.iter().flat_map(|(call, _)| call.names()).collect());
    fault::point(FaultPoint::BeforeClaim, &names);
    answered(transaction.commit()).await?;
    fault::point(FaultPoint::AfterClaim, &names);
    engine.calls.looked(&rooms, &claimed);
    for (call, claim) in claimed {
        match claim {
            Some(claim) => make(engine, call, claim),
            None => engine.calls.look_after(&call, GATHER),
        }
    }
    Ok(())
}

/// Lets go the calls of processes that are gone, and counts open calls, until the service stops.
pub(crate) async fn let_go(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    let mut counted: Option<Instant> = None;
    loop {
        let looked = async {
            let (gone, let_go) = answered(end_claims(&engine)).await?;
            if !gone.is_empty() {
                tracing::info!(
                    ?gone,
                    calls = let_go,
                    "processes are gone; their calls are made here"
                );
                engine.calls.look_now();
            }
            if counted.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
                count(&engine).await?;
                counted = Some(Instant::now());
            }
            Ok::<_, Failure>(())
        };
        if let Err(failure) = looked.await {
            tracing::debug!("could not look for processes that are gone: {failure}");
        }
        if !waited(&mut stopping, jittered(LOOK_FOR_GONE)).await {
            return;
        }
    }
}

/// Ends the leases and the claims of processes that are gone in one transaction, since nobody looks
/// again at a process whose lease has ended.
async fn end_claims(engine: &Engine) -> Result<(Vec<i64>, u64), sqlx::Error> {
    let mut transaction = begin(&engine.database.upkeep).await?;
    let gone = process::end_leases(&mut transaction, engine.relay.process).await?;
    if gone.is_empty() {
        return Ok((gone, 0));
    }
    let let_go = call_claims::end_claims(&mut transaction, &gone).await?;
    fault::point(FaultPoint::BeforeTables, "claims");
    transaction.commit().await?;
    fault::point(FaultPoint::AfterTables, "claims");
    Ok((gone, let_go))
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
async fn count(engine: &Engine) -> Result<(), Failure> {
    let open = answered(calls::count_open(&engine.database.upkeep)).await?;
    metrics::gauge!("ballet_calls_open").set(open as f64);
    metrics::gauge!("ballet_calls_held").set(engine.calls.held().len() as f64);
    Ok(())
}

impl WorksOn for FailedCall {
    fn names(&self) -> Vec<String> {
        self.call.names()
    }
}
