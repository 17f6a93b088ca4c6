//! The table of failures: messages that could not be handled so far, each with the reason.
//!
//! A failure is recorded in a statement of its own before its message goes to a retry queue or to
//! the dead letters. Nothing has to be changed when the message is handled after all: the inbox
//! knows.

use std::time::Duration;

use ballet_core::{MessageId, SagaId};
use sqlx::{PgConnection, PgPool};

/// Until then the message waits unacknowledged.
const PATIENCE: Duration = Duration::from_secs(5);
/// Counting stops here.
const MOST_COUNTED: i64 = 10_000;

/// How many sagas are stuck: those for which all will be tried again, and those that wait for a
/// person.
pub(crate) async fn count(db: &mut PgConnection) -> Result<(f64, f64), sqlx::Error> {
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

/// Records a failure. One that cannot be recorded does not keep the message.
pub(crate) async fn record(
    pool: &PgPool,
    message: MessageId,
    saga: Option<SagaId>,
    event_type: &str,
    failed: &Failed,
) {
    let recorded = tokio::time::timeout(PATIENCE, insert(pool, message, saga, event_type, failed));
    let error = match recorded.await {
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
