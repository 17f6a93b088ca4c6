//! What is stuck in a service: messages that could not be handled so far, and calls to the outside
//! that fail, each with the reason.
//!
//! A failure is noted down in a statement of its own before its message goes to a retry queue or
//! to the dead letters. Nothing has to be changed when it is handled after all: the inbox knows.
//! What never got as far as a handler (an unreadable message, one that kills the process) is among
//! the dead letters alone.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::{MessageId, SagaId};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, PgPool, Row};
use uuid::Uuid;

use crate::engine::{self, Engine};

/// A message, or a call, that is not done because of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The saga that waits for it; none for a message outside of sagas.
    pub saga_id: Option<SagaId>,
    /// What is not done.
    pub what: What,
    /// The step, the projection, or the word for what undoes (`abort`).
    pub handler: String,
    /// Why, as a code: `failed`, `permanent`, `not_yet`; `call_failed` for a call.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed first; of a call, when it was wanted.
    pub since: Timestamp,
    /// When it is tried again; `None` for a dead letter, which waits for a person.
    pub next_at: Option<Timestamp>,
}

/// What is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A message is not handled.
    Message {
        /// Its id.
        message_id: MessageId,
        /// Its type.
        event_type: String,
    },
    /// A call to the outside has no answer.
    Call {
        /// Its key.
        call_key: Uuid,
        /// Whether it undoes.
        undo: bool,
    },
}

/// What is stuck in the service to which this database belongs, the longest first, and no more than
/// `limit` of it.
///
/// ```
/// # async fn example(db: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
/// for stuck in ballet::stuck::list(db, 100).await? {
///     println!("{}: {} ({} attempts)", stuck.handler, stuck.detail, stuck.attempts);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of the database.
pub async fn list(db: &mut PgConnection, limit: u32) -> Result<Vec<Stuck>, sqlx::Error> {
    // One more attempt may succeed at any moment: this is what it looks like now.
    sqlx::query_as(
        "select message_id as id, event_type, null as undo, saga_id, handler, reason, detail, \
             attempts, first_failed_at as since, next_at \
         from ballet.failure f \
         where not exists (select from ballet.inbox i where i.message_id = f.message_id) \
             and not exists (select from ballet.inbox_other i where i.message_id = f.message_id) \
         union all \
         select call_key, null, undo, saga_id, step, 'call_failed', last_error, attempts, \
             created_at, next_at \
         from ballet.call where closed_at is null and last_error is not null \
         order by since limit $1",
    )
    .bind(i64::from(limit))
    .fetch_all(db)
    .await
}

/// Counts what is stuck, for the metrics, until the service stops. What counts is in the database,
/// so every replica says the same.
pub(crate) async fn keep_count(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    loop {
        let counted = async { count(&mut *engine.pool.acquire().await?).await };
        match engine::answered(counted).await {
            Ok((tried_again, for_good)) => {
                metrics::gauge!("ballet_sagas_stuck", "tried_again" => "yes").set(tried_again);
                metrics::gauge!("ballet_sagas_stuck", "tried_again" => "no").set(for_good);
            }
            Err(failure) => tracing::debug!("what is stuck is not counted: {failure}"),
        }
        tokio::select! {
            () = tokio::time::sleep(COUNT_EVERY) => {}
            () = engine::stopped(&mut stopping) => return,
        }
    }
}

/// A glance at a table that is short while all goes well; in bad times it may cost a moment.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// No more than so many are counted.
const MOST_COUNTED: i64 = 10_000;

/// How many sagas are stuck: those for which all will be tried again, and those that wait for a
/// person.
async fn count(db: &mut PgConnection) -> Result<(f64, f64), sqlx::Error> {
    sqlx::query_as(
        "select (count(*) filter (where not for_good))::float8, \
             (count(*) filter (where for_good))::float8 from ( \
             select saga_id, bool_or(next_at is null) as for_good from ( \
                 (select saga_id, next_at from ballet.failure f \
                 where saga_id is not null \
                     and not exists (select from ballet.inbox i \
                         where i.message_id = f.message_id) \
                     and not exists (select from ballet.inbox_other i \
                         where i.message_id = f.message_id) \
                 limit $1) \
                 union all \
                 (select saga_id, next_at from ballet.call \
                 where closed_at is null and last_error is not null limit $1) \
             ) as waiting group by saga_id \
         ) as saga",
    )
    .bind(MOST_COUNTED)
    .fetch_one(db)
    .await
}

/// Forgets failures: their messages were discarded, or sent again under other ids. How many there
/// were.
///
/// # Errors
///
/// Those of the database.
pub async fn forget(db: &mut PgConnection, messages: &[MessageId]) -> Result<u64, sqlx::Error> {
    let messages: Vec<Uuid> = messages.iter().map(|message| message.0).collect();
    let forgotten = sqlx::query("delete from ballet.failure where message_id = any($1)")
        .bind(messages)
        .execute(db)
        .await?;
    Ok(forgotten.rows_affected())
}

impl FromRow<'_, PgRow> for Stuck {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let id: Uuid = row.try_get("id")?;
        let what = match row.try_get::<Option<String>, _>("event_type")? {
            Some(event_type) => What::Message { message_id: MessageId(id), event_type },
            None => What::Call { call_key: id, undo: row.try_get("undo")? },
        };
        let attempts: i32 = row.try_get("attempts")?;
        let next_at: Option<jiff_sqlx::Timestamp> = row.try_get("next_at")?;
        Ok(Self {
            saga_id: row.try_get::<Option<Uuid>, _>("saga_id")?.map(SagaId),
            what,
            handler: row.try_get("handler")?,
            reason: row.try_get("reason")?,
            detail: row.try_get("detail")?,
            attempts: u32::try_from(attempts).unwrap_or_default(),
            since: row.try_get::<jiff_sqlx::Timestamp, _>("since")?.to_jiff(),
            next_at: next_at.map(jiff_sqlx::Timestamp::to_jiff),
        })
    }
}

/// Until then the message waits unacknowledged.
const PATIENCE: Duration = Duration::from_secs(5);

/// A failure of a handler.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) handler: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
    pub(crate) attempts: u32,
    /// How long the message waits in a retry queue.
    pub(crate) wait: Option<Duration>,
}

/// Notes a failure down. That it could not be is no reason to keep the message.
pub(crate) async fn note(
    pool: &PgPool,
    message: MessageId,
    saga: Option<SagaId>,
    event_type: &str,
    failed: &Failed,
) {
    let noted = tokio::time::timeout(PATIENCE, insert(pool, message, saga, event_type, failed));
    let error = match noted.await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    tracing::warn!(id = %message, "a failure is not in the list of what is stuck: {error}");
}

async fn insert(
    pool: &PgPool,
    message: MessageId,
    saga: Option<SagaId>,
    event_type: &str,
    failed: &Failed,
) -> Result<(), sqlx::Error> {
    let Failed { handler, reason, detail, attempts, wait } = failed;
    let wait = wait.map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    sqlx::query(
        "insert into ballet.failure (message_id, saga_id, event_type, handler, reason, detail, \
             attempts, first_failed_at, next_at) \
         values ($1, $2, $3, $4, $5, $6, $7, now(), now() + $8 * interval '1 millisecond') \
         on conflict (message_id) do update set handler = excluded.handler, \
             reason = excluded.reason, detail = excluded.detail, attempts = excluded.attempts, \
             next_at = excluded.next_at",
    )
    .bind(message.0)
    .bind(saga.map(|saga| saga.0))
    .bind(event_type)
    .bind(handler)
    .bind(reason)
    // Postgres has no text with a zero byte in it.
    .bind(detail.replace('\0', " "))
    .bind(i32::try_from(*attempts).unwrap_or(i32::MAX))
    .bind(wait)
    .execute(pool)
    .await?;
    Ok(())
}
