//! Calls to the outside: stored by the transaction that wants them, made outside of any, asked
//! again under the same key until the answer is known.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballet_core::{MessageId, SagaId};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::batch::guarded;
use crate::engine::{Engine, answered};
use crate::fault::{self, FaultPoint};
use crate::{CallKey, Failure};

/// After this long an answer counts as unknown, and is asked for again.
const TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A call, wanted or open.
#[derive(Debug, Clone)]
pub(crate) struct NewCall {
    pub(crate) key: CallKey,
    pub(crate) saga_id: SagaId,
    pub(crate) step: String,
    pub(crate) step_key: String,
    pub(crate) undo: bool,
    pub(crate) request: String,
    pub(crate) cause: Option<MessageId>,
    pub(crate) traceparent: Option<String>,
    pub(crate) attempts: u32,
}

/// What the other side said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) call: NewCall,
    pub(crate) answer: String,
}

/// The calls that this process makes.
#[derive(Debug)]
pub(crate) struct Calls {
    in_memory: Mutex<HashSet<CallKey>>,
    permits: Semaphore,
}

impl Calls {
    /// `most`: how many are out at a time.
    pub(crate) fn new(most: u16) -> Self {
        Self { in_memory: Mutex::default(), permits: Semaphore::new(usize::from(most)) }
    }

    fn in_memory(&self) -> MutexGuard<'_, HashSet<CallKey>> {
        self.in_memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In memory before the commit is sent, so that the sweeper does not take them for left behind.
    pub(crate) fn remember(&self, calls: &[NewCall]) {
        if !calls.is_empty() {
            self.in_memory().extend(calls.iter().map(|call| call.key));
        }
    }

    pub(crate) fn forget<'a>(&self, calls: impl IntoIterator<Item = &'a NewCall>) {
        let mut in_memory = self.in_memory();
        for call in calls {
            in_memory.remove(&call.key);
        }
    }

    /// Whether the call was not yet in memory, and now is.
    pub(crate) fn adopt(&self, key: CallKey) -> bool {
        self.in_memory().insert(key)
    }

    pub(crate) fn keys(&self) -> Vec<Uuid> {
        self.in_memory().iter().map(|key| key.0).collect()
    }
}

impl Engine {
    /// Makes a call that is in memory, until it has an answer or the process stops.
    pub(crate) fn make(self: &Arc<Self>, call: NewCall) {
        let engine = Arc::clone(self);
        let mut stopping = self.stopping.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = ask_until_answered(&engine, call) => {}
                () = crate::engine::stopped(&mut stopping) => {}
            }
        });
    }

    /// Asks again, after a failure to take in the answer.
    pub(crate) fn ask_again(self: &Arc<Self>, mut call: NewCall, failure: &Failure) {
        call.attempts += 1;
        tracing::warn!(step = call.step, saga = %call.saga_id, "an answer could not be taken in: {failure}");
        let failure = failure.to_string();
        let engine = Arc::clone(self);
        tokio::spawn(async move {
            wait_after(&engine, &call, &failure).await;
            engine.make(call);
        });
    }
}

/// Notes a failed attempt down and waits until it is time for the next.
async fn wait_after(engine: &Engine, call: &NewCall, failure: &str) {
    let pause = pause(call.attempts);
    let next_at = engine.context.now() + pause;
    fault::point(FaultPoint::BeforeNote, call);
    if let Err(error) = answered(note_failure(&engine.pool, call, failure, next_at)).await {
        tracing::warn!(key = %call.key, "a failed call could not be noted down: {error}");
    }
    fault::point(FaultPoint::AfterNote, call);
    tokio::time::sleep(pause).await;
}

async fn ask_until_answered(engine: &Arc<Engine>, mut call: NewCall) {
    let Some((_, step)) = engine.registry.step(&call.step) else {
        tracing::error!(step = call.step, key = %call.key, "an open call belongs to a step that this version does not know");
        return;
    };
    loop {
        let answer = match engine.calls.permits.acquire().await {
            Ok(_permit) => {
                fault::point(FaultPoint::BeforeCall, &call);
                let asked = guarded(step.call(call.undo, call.key, &call.request));
                tokio::time::timeout(TIMEOUT, asked).await
            }
            Err(_closed) => return,
        };
        let failure = match answer {
            Ok(Ok(answer)) => {
                fault::point(FaultPoint::AfterCall, &call);
                metrics::counter!("ballet_calls_total", "outcome" => "answered").increment(1);
                engine.dispatch_answer(Answer { call, answer });
                return;
            }
            Ok(Err(failure)) => failure,
            Err(_elapsed) => Failure::transient(format!("no answer within {TIMEOUT:?}")),
        };
        metrics::counter!("ballet_calls_total", "outcome" => "failed").increment(1);
        call.attempts += 1;
        tracing::warn!(
            step = call.step, undo = call.undo, key = %call.key, saga = %call.saga_id,
            attempts = call.attempts, "a call failed, and is made again: {failure}"
        );
        wait_after(engine, &call, &failure.to_string()).await;
    }
}

fn pause(attempts: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST_PAUSE)
}

/// Stores the calls that a transaction wants.
pub(crate) async fn insert(
    db: &mut PgConnection,
    owner: i64,
    calls: &[NewCall],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into ballet.call (call_key, saga_id, step, key, undo, request, message_id, \
         traceparent, owner, created_at, next_at) select *, $9, $10, $10 from unnest($1::uuid[], \
         $2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::uuid[], $8::text[])",
    )
    .bind(calls.iter().map(|call| call.key.0).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.saga_id.0).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.step.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.step_key.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.undo).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.request.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.cause.map(|id| id.0)).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.traceparent.clone()).collect::<Vec<_>>())
    .bind(owner)
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Closes calls with their answers, and returns those that were open: an outcome belongs to its
/// call by the key, and a closed call has had its outcome.
pub(crate) async fn close(
    db: &mut PgConnection,
    answers: &[(CallKey, &str)],
    now: Timestamp,
) -> Result<HashSet<CallKey>, sqlx::Error> {
    if answers.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<(Uuid,)> = sqlx::query_as(
        "update ballet.call set answer = given.answer, closed_at = $3 \
         from unnest($1::uuid[], $2::text[]) as given (call_key, answer) \
         where call.call_key = given.call_key and call.closed_at is null returning call.call_key",
    )
    .bind(answers.iter().map(|(key, _)| key.0).collect::<Vec<_>>())
    .bind(answers.iter().map(|(_, answer)| *answer).collect::<Vec<_>>())
    .bind(now.to_sqlx())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(key,)| CallKey(key)).collect())
}

async fn note_failure(
    pool: &PgPool,
    call: &NewCall,
    failure: &str,
    next_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ballet.call set attempts = $2, last_error = $3, next_at = $4 \
         where call_key = $1 and closed_at is null",
    )
    .bind(call.key.0)
    .bind(i32::try_from(call.attempts).unwrap_or(i32::MAX))
    .bind(failure)
    .bind(next_at.to_sqlx())
    .execute(pool)
    .await?;
    Ok(())
}

/// Open calls that are due and not among the given ones, with the process that was to make them.
pub(crate) async fn open(
    db: &mut PgConnection,
    except: &[Uuid],
    now: Timestamp,
) -> Result<Vec<(i64, NewCall)>, sqlx::Error> {
    type Columns =
        (i64, Uuid, Uuid, String, String, bool, String, Option<Uuid>, Option<String>, i32);
    let rows: Vec<Columns> = sqlx::query_as(
        "select owner, call_key, saga_id, step, key, undo, request, message_id, traceparent, \
         attempts from ballet.call where closed_at is null and next_at <= $1 \
         and call_key <> all($2) order by next_at limit 500",
    )
    .bind(now.to_sqlx())
    .bind(except)
    .fetch_all(db)
    .await?;
    let call = |(owner, key, saga, step, step_key, undo, request, cause, traceparent, attempts): Columns| {
        let call = NewCall {
            key: CallKey(key),
            saga_id: SagaId(saga),
            step,
            step_key,
            undo,
            request,
            cause: cause.map(MessageId),
            traceparent,
            attempts: u32::try_from(attempts).unwrap_or_default(),
        };
        (owner, call)
    };
    Ok(rows.into_iter().map(call).collect())
}

/// How many calls have no answer yet.
pub(crate) async fn count_open(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let statement = "select count(*) from ballet.call where closed_at is null";
    let (open,): (i64,) = sqlx::query_as(statement).fetch_one(db).await?;
    Ok(open)
}

/// Takes over a call whose process is gone.
pub(crate) async fn take_over(
    db: &mut PgConnection,
    key: CallKey,
    owner: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("update ballet.call set owner = $2 where call_key = $1 and closed_at is null")
        .bind(key.0)
        .bind(owner)
        .execute(db)
        .await?;
    Ok(())
}
