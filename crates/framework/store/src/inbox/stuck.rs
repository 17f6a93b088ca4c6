//! The stuck messages and calls of a service: unhandled messages, and calls to the outside that
//! fail or have waited for a minute, each with the reason.
//!
//! A message that never reached a handler (unreadable, or fatal to the process) is only a dead
//! letter.

use ballet_core::own_handlers::DEADLINE;
use ballet_core::{MessageId, SagaId};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Row};
use uuid::Uuid;

use crate::inbox::messages::is_in_no_inbox;

/// A message or a call that is not done because of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StuckEntry {
    /// The saga that waits for it. A message outside of sagas has none.
    pub saga_id: Option<SagaId>,
    /// The message or call that is stuck.
    pub what: StuckKind,
    /// The step or the projection; `abort` for a compensation.
    pub handler: String,
    /// The reason as a code: `failed`, `permanent` or `not_yet` for a message, `call_failed` for a
    /// call, and [`CALL_WAITS`] for one that nobody has made yet.
    pub reason: String,
    /// The reason in a sentence.
    pub detail: String,
    /// The number of attempts.
    pub attempts: u32,
    /// When a message failed first, or when a call was requested.
    pub since: Timestamp,
    /// The next attempt; `None` for a dead letter, and for a call that is set aside, which wait for
    /// an operator.
    pub next_at: Option<Timestamp>,
}

impl StuckEntry {
    /// Whether it is the event of a deadline that cannot be published, and so in no queue. `what` names it
    /// like a message.
    #[must_use]
    pub fn is_deadline(&self) -> bool {
        self.handler == DEADLINE
    }
}

/// The kind and id of something that is stuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StuckKind {
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
        /// Whether a compensation makes it.
        undo: bool,
    },
}

/// The reason of a call without an outcome of any attempt.
pub const CALL_WAITS: &str = "call_waits";

/// The condition that the provider of a call has the request and no outcome yet, so that the call
/// is not stuck. Its attempts count from zero again with each such answer.
pub(crate) const NO_OUTCOME_YET: &str = "(attempts = 0 and last_error is not null \
    and next_at > ballet.now() - interval '1 minute')";

/// Lists what is stuck in the service to which this database belongs: the oldest first, at most
/// `limit` entries.
///
/// ```
/// # async fn example(db: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
/// for stuck in ballet_store::inbox::stuck::list(db, 100).await? {
///     println!("{}: {} ({} attempts)", stuck.handler, stuck.detail, stuck.attempts);
/// }
/// # Ok(())
/// # }
/// ```
pub async fn list(db: &mut PgConnection, limit: u32) -> Result<Vec<StuckEntry>, sqlx::Error> {
    // A retry may succeed at any moment, so this is only what is stuck now.
    sqlx::query_as(AssertSqlSafe(format!(
        "select message_id as id, event_type, null as undo, saga_id, handler, reason, detail, \
             attempts, first_failed_at as since, next_at \
         from ballet.failure f where {} \
         union all \
         select call_key, null, undo, saga_id, step, \
             case when last_error is null then '{CALL_WAITS}' else 'call_failed' end, \
             coalesce(last_error, 'it waits for its turn: other calls of this step fail or take long'), \
             attempts, created_at, nullif(next_at, 'infinity') \
         from ballet.call where closed_at is null \
             and (last_error is not null or created_at < ballet.now() - interval '1 minute') \
             and not {NO_OUTCOME_YET} \
         order by since limit $1",
        is_in_no_inbox("f")
    )))
    .bind(i64::from(limit))
    .fetch_all(db)
    .await
}

impl FromRow<'_, PgRow> for StuckEntry {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let id: Uuid = row.try_get("id")?;
        let what = match row.try_get::<Option<String>, _>("event_type")? {
            Some(event_type) => StuckKind::Message { message_id: MessageId(id), event_type },
            None => StuckKind::Call { call_key: id, undo: row.try_get("undo")? },
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
