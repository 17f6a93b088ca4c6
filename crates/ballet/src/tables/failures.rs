//! The table of failures: messages that could not be handled yet, each with the reason.
//!
//! A separate statement records a failure before its message goes to a retry queue or to the dead
//! letters. The row needs no update when the message is handled later: the inbox shows that.

use std::time::Duration;

use ballet_core::{MessageId, SagaId};
use sqlx::{PgConnection, PgPool};

/// Time limit for recording a failure. The message waits unacknowledged meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
/// Counting stops at this number.
const MAX_COUNTED: i64 = 10_000;

/// Returns the numbers of stuck sagas: those that are retried, and those that wait for a person.
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
    .bind(MAX_COUNTED)
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

/// Records a failure. An error while recording does not hold up the message.
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
    tracing::warn!(id = %message, "cannot add a message to the list of stuck sagas: {error}");
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
    // Postgres does not store zero bytes in text.
    .bind(detail.replace('\0', " "))
    .bind(i32::try_from(*attempts).unwrap_or(i32::MAX))
    .bind(wait)
    .execute(pool)
    .await?;
    Ok(())
}
