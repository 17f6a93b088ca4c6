//! The table of failures: messages that could not be handled yet, each with the reason.
//!
//! A separate statement records a failure before its message goes to a retry queue or to the dead
//! letters. The row needs no update when the message is handled later, since the inbox shows that.

use std::time::Duration;

use ballet_core::{MessageId, SagaId};
use sqlx::{AssertSqlSafe, PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::database::stored_text::storable;
use crate::inbox::messages::is_in_no_inbox;
use crate::inbox::stuck::NO_OUTCOME_YET;

/// Time limit for recording a failure. The message waits unacknowledged meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
/// Counting stops at this number.
const MAX_COUNTED: i64 = 10_000;

/// Returns the numbers of stuck sagas: those that are retried, and those that wait for a person.
pub async fn count(db: &mut PgConnection) -> Result<(f64, f64), sqlx::Error> {
    sqlx::query_as(AssertSqlSafe(format!(
        "select (count(*) filter (where not for_good))::float8, \
             (count(*) filter (where for_good))::float8 from ( \
             select saga_id, bool_or(next_at is null) as for_good from ( \
                 (select saga_id, next_at from ballet.failure f \
                 where saga_id is not null and {} limit $1) \
                 union all \
                 (select saga_id, nullif(next_at, 'infinity') from ballet.call \
                 where closed_at is null and last_error is not null and not {NO_OUTCOME_YET} limit $1) \
             ) as waiting group by saga_id \
         ) as saga",
        is_in_no_inbox("f")
    )))
    .bind(MAX_COUNTED)
    .fetch_one(db)
    .await
}

/// Deletes the records of messages, and returns how many there were. The inbox shows of most that
/// they were handled, but may forget one that is kept apart before its record. Discarded messages,
/// and those sent under new ids, will not come again.
pub async fn forget(db: &mut PgConnection, messages: &[MessageId]) -> Result<u64, sqlx::Error> {
    let messages: Vec<Uuid> = messages.iter().map(|message| message.0).collect();
    let delete = sqlx::query("delete from ballet.failure where message_id = any($1)");
    Ok(delete.bind(messages).execute(db).await?.rows_affected())
}

/// Records that a message that was tried before is not tried again, since it became a dead letter
/// before any handler got it.
pub async fn give_up(pool: &PgPool, message: MessageId, reason: &str, detail: &str) {
    let update = sqlx::query(
        "update ballet.failure set reason = $2, detail = $3, next_at = null, \
             last_failed_at = ballet.now() where message_id = $1",
    );
    let update = update.bind(message.0).bind(reason).bind(storable(detail));
    log_failure(async { update.execute(pool).await.map(drop) }).await;
}

/// A failure of a handler.
#[derive(Debug)]
pub struct FailedMessage {
    pub handler: &'static str,
    pub reason: &'static str,
    pub detail: String,
    pub attempts: u32,
    /// How long the message waits in a retry queue.
    pub wait: Option<Duration>,
}

/// Records a failure. An error while recording does not hold up the message.
pub async fn record(
    pool: &PgPool,
    message: MessageId,
    saga: Option<SagaId>,
    event_type: &str,
    failed: &FailedMessage,
) {
    log_failure(insert(pool, message, saga, event_type, failed)).await;
}

async fn log_failure(recorded: impl Future<Output = Result<(), sqlx::Error>>) {
    let error = match tokio::time::timeout(PATIENCE, recorded).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    // The caller's span names the message.
    tracing::warn!("cannot change the list of stuck sagas for a message: {error}");
}

/// Records a failure.
pub async fn insert(
    db: impl PgExecutor<'_>,
    message: MessageId,
    saga: Option<SagaId>,
    event_type: &str,
    failed: &FailedMessage,
) -> Result<(), sqlx::Error> {
    let FailedMessage { handler, reason, detail, attempts, wait } = failed;
    let wait = wait.map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    sqlx::query(
        "insert into ballet.failure (message_id, saga_id, event_type, handler, reason, detail, \
             attempts, first_failed_at, last_failed_at, next_at) \
         select $1, $2, $3, $4, $5, $6, $7, at, at, at + $8 * interval '1 millisecond' \
         from (select ballet.now() as at) as now \
         on conflict (message_id) do update set handler = excluded.handler, \
             reason = excluded.reason, detail = excluded.detail, attempts = excluded.attempts, \
             last_failed_at = excluded.last_failed_at, next_at = excluded.next_at",
    )
    .bind(message.0)
    .bind(saga.map(|saga| saga.0))
    .bind(event_type)
    .bind(handler)
    .bind(reason)
    .bind(storable(detail))
    .bind(i32::try_from(*attempts).unwrap_or(i32::MAX))
    .bind(wait)
    .execute(db)
    .await?;
    Ok(())
}

/// Returns which of these messages are tried again, or were to be in the last minutes.
pub async fn tried_again(
    db: &mut PgConnection,
    ids: &[Uuid],
    minutes: i32,
) -> Result<Vec<MessageId>, sqlx::Error> {
    let again = "select message_id from ballet.failure where message_id = any($1) \
                 and next_at > ballet.now() - make_interval(mins => $2)";
    let again: Vec<Uuid> = sqlx::query_scalar(again).bind(ids).bind(minutes).fetch_all(db).await?;
    Ok(again.into_iter().map(MessageId).collect())
}

/// Returns the failure that a person would compensate for, of an unhandled message of a saga with
/// one of these types, whether it is for good, and why.
pub async fn of_saga(
    db: &mut PgConnection,
    saga: Uuid,
    types: &[&str],
) -> Result<Option<(bool, String)>, sqlx::Error> {
    sqlx::query_as(AssertSqlSafe(format!(
        "select next_at is null, detail from ballet.failure f \
         where saga_id = $1 and event_type = any($2) and {} \
             and not exists (select from ballet.solved s where s.note_id = f.message_id) \
         order by next_at nulls first limit 1",
        is_in_no_inbox("f")
    )))
    .bind(saga)
    .bind(types)
    .fetch_optional(db)
    .await
}
