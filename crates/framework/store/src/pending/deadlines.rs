//! The table of deadlines. A deadline is set when its saga begins, ended when it is decided, and
//! taken when it is due.
//!
//! The database's clock decides.

use std::time::Duration;

use ballet_core::id::derived_in_saga;
use ballet_core::{MessageId, SagaId};
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::inbox::failures;
use crate::trace::Trace;

/// A plan cached while the table is empty would read the whole table when it is big a minute later.
const PLAN_KEPT: bool = false;

/// The deadlines that a transaction sets and ends.
#[derive(Debug, Default)]
pub struct Deadlines {
    set: Vec<NewDeadline>,
    ended: Vec<(Uuid, &'static str)>,
}

/// A deadline that a transaction sets.
#[derive(Debug)]
pub struct NewDeadline {
    pub saga_id: SagaId,
    /// The saga's name.
    pub saga: &'static str,
    /// The duration from the transaction's time to the deadline.
    pub after: SignedDuration,
    /// The event that started the saga.
    pub cause: MessageId,
    pub trace: Option<Trace>,
}

impl Deadlines {
    /// Sets the deadline of a saga that begins.
    pub fn begin(&mut self, deadline: NewDeadline) {
        self.set.push(deadline);
    }

    /// Ends the deadline of a saga that is decided.
    pub fn end(&mut self, saga_id: SagaId, saga: &'static str) {
        let before = self.set.len();
        self.set.retain(|set| (set.saga_id, set.saga) != (saga_id, saga));
        if self.set.len() == before {
            self.ended.push((saga_id.0, saga));
        }
    }

    /// Writes them.
    pub async fn flush(&mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Self { set, ended } = std::mem::take(self);
        if !set.is_empty() {
            sqlx::query(
                "insert into ballet.deadline (saga_id, saga, due_at, message_id, traceparent) \
                 select saga_id, saga, (select ballet.now()) \
                 + after * interval '1 microsecond', \
                 message_id, traceparent from unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[], \
                 $5::text[]) as row (saga_id, saga, after, message_id, traceparent)",
            )
            .bind(set.iter().map(|set| set.saga_id.0).collect::<Vec<_>>())
            .bind(set.iter().map(|set| set.saga).collect::<Vec<_>>())
            .bind(set.iter().map(|set| micros(set.after)).collect::<Vec<_>>())
            .bind(set.iter().map(|set| set.cause.0).collect::<Vec<_>>())
            .bind(set.iter().map(|set| Some(set.trace.as_ref()?.stored(None))).collect::<Vec<_>>())
            .execute(&mut *db)
            .await?;
        }
        if !ended.is_empty() {
            let notes: Vec<MessageId> =
                ended.iter().map(|(saga_id, saga)| note(SagaId(*saga_id), saga)).collect();
            let (ids, sagas): (Vec<Uuid>, Vec<&str>) = ended.into_iter().unzip();
            sqlx::query(
                "delete from ballet.deadline d using unnest($1::uuid[], $2::text[]) \
                 as ended (saga_id, saga) where d.saga_id = ended.saga_id and d.saga = ended.saga",
            )
            .persistent(PLAN_KEPT)
            .bind(&ids)
            .bind(&sagas)
            .execute(&mut *db)
            .await?;
            // Apart from it and later, since it may have waited for one that was just put off.
            failures::forget(db, &notes).await?;
        }
        Ok(())
    }
}

/// The id under which the failure of a deadline is listed. No message has it, unlike a saga's id,
/// which may be that of its first message.
pub fn note(saga_id: SagaId, saga: &str) -> MessageId {
    MessageId(derived_in_saga(saga_id, &format!("deadline\0{saga}")))
}

fn micros(after: SignedDuration) -> i64 {
    i64::try_from(after.as_micros()).unwrap_or(i64::MAX)
}

/// A deadline that has passed.
#[derive(Debug)]
pub struct PassedDeadline {
    pub saga_id: SagaId,
    pub due_at: Timestamp,
    pub saga: String,
    pub cause: Option<MessageId>,
    pub trace: Option<Trace>,
    /// The time since the deadline, in seconds.
    pub late: f64,
}

/// Returns the time until the next deadline, or `None` if there is none.
pub async fn next(
    db: &mut PgConnection,
    sagas: &[&'static str],
) -> Result<Option<Duration>, sqlx::Error> {
    let next: Option<(i64,)> = sqlx::query_as(
        "select ceil(extract(epoch from due_at - ballet.now()) * 1000)::bigint \
         from ballet.deadline where saga = any($1) order by due_at limit 1",
    )
    .persistent(PLAN_KEPT)
    .bind(sagas)
    .fetch_optional(db)
    .await?;
    let millis = next.map(|(millis,)| u64::try_from(millis).unwrap_or_default());
    Ok(millis.map(Duration::from_millis))
}

/// Returns up to `limit` due deadlines, the oldest first, and locks them. Skips those that another
/// replica or a decision has locked.
pub async fn due(
    db: &mut PgConnection,
    sagas: &[&'static str],
    limit: usize,
) -> Result<Vec<PassedDeadline>, sqlx::Error> {
    type Columns = (Uuid, String, jiff_sqlx::Timestamp, Option<Uuid>, Option<String>, f64);
    let rows: Vec<Columns> = sqlx::query_as(
        "select saga_id, saga, due_at, message_id, traceparent, \
             extract(epoch from ballet.now() - due_at)::float8 \
         from ballet.deadline where due_at <= (select ballet.now()) \
             and saga = any($1) \
         order by due_at limit $2 for update skip locked",
    )
    .persistent(PLAN_KEPT)
    .bind(sagas)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    let passed = |(saga_id, saga, due_at, cause, traceparent, late): Columns| PassedDeadline {
        saga_id: SagaId(saga_id),
        due_at: due_at.to_jiff(),
        saga,
        cause: cause.map(MessageId),
        trace: traceparent.as_deref().and_then(|stored| Trace::parse(stored, None)),
        late,
    };
    Ok(rows.into_iter().map(passed).collect())
}

/// Puts a deadline off that cannot be published now. The others go on. Returns false if there is none any more.
pub async fn put_off(
    db: &mut PgConnection,
    saga_id: SagaId,
    saga: &str,
    pause: Duration,
) -> Result<bool, sqlx::Error> {
    let statement = "update ballet.deadline set due_at = ballet.now() + $3 * interval '1 second' \
                     where saga_id = $1 and saga = $2";
    let put_off = sqlx::query(statement).persistent(PLAN_KEPT).bind(saga_id.0).bind(saga);
    Ok(put_off.bind(pause.as_secs_f64()).execute(db).await?.rows_affected() > 0)
}

/// Returns the saga of each deadline, and when it passes.
pub async fn all(db: &mut PgConnection) -> Result<Vec<(Uuid, Timestamp)>, sqlx::Error> {
    let rows: Vec<(Uuid, jiff_sqlx::Timestamp)> =
        sqlx::query_as("select saga_id, due_at from ballet.deadline").fetch_all(db).await?;
    Ok(rows.into_iter().map(|(saga, due_at)| (saga, due_at.to_jiff())).collect())
}

/// Lets the deadline of a saga pass now. Returns false if there is none, or it has passed.
pub async fn pass_now(
    db: &mut PgConnection,
    saga_id: Uuid,
    saga: &str,
) -> Result<bool, sqlx::Error> {
    let now = "update ballet.deadline set due_at = ballet.now() \
               where saga_id = $1 and saga = $2 and due_at > ballet.now()";
    Ok(sqlx::query(now).bind(saga_id).bind(saga).execute(db).await?.rows_affected() > 0)
}

/// Puts off the deadlines of all sagas that would pass within `grace`, so that a restored service
/// hears first what it decided. Returns their number. A deadline that the service holds at this
/// moment is not waited for.
pub async fn put_off_all(db: &mut PgConnection, grace: SignedDuration) -> Result<u64, sqlx::Error> {
    let put_off = "update ballet.deadline set due_at = ballet.now() + $1 * interval '1 second' \
                   where ctid = any (array ( \
                       select ctid from ballet.deadline \
                       where due_at < ballet.now() + $1 * interval '1 second' \
                       for update skip locked))";
    Ok(sqlx::query(put_off).bind(grace.as_secs_f64()).execute(db).await?.rows_affected())
}

/// The deadlines of decided or aborted sagas, with what ended the saga. `decisions` are steps, each
/// with its saga. It is one statement, because a saga and its deadline end in the same transaction.
pub async fn of_ended_sagas(
    db: &mut PgConnection,
    decisions: &[(&str, &str)],
    limit: i64,
) -> Result<Vec<(Uuid, Timestamp, String)>, sqlx::Error> {
    let (steps, sagas): (Vec<&str>, Vec<&str>) = decisions.iter().copied().unzip();
    let rows: Vec<(Uuid, jiff_sqlx::Timestamp, String)> = sqlx::query_as(
        "select saga_id, due_at, case entry when 'aborted' then 'aborted it' \
             else 'decided it with ' || step end \
         from ballet.deadline join ( \
             select saga_id, step, key, entry from ballet.ledger union all \
             select saga_id, step, key, entry from ballet.ledger_other) as row using (saga_id) \
         where (entry = 'aborted' and step = '' and key in ('', saga)) or (entry = 'done' \
             and (step, saga) in (select * from unnest($1::text[], $2::text[]))) \
         order by due_at limit $3",
    )
    .bind(steps)
    .bind(sagas)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(saga, due_at, what)| (saga, due_at.to_jiff(), what)).collect())
}

/// The deadlines that passed more than `ago` ago, by saga: its name, whether the saga is declared
/// with a deadline, their number, and the first of them.
pub async fn passed(
    db: &mut PgConnection,
    declared: &[&str],
    ago: SignedDuration,
) -> Result<Vec<(String, bool, i64, Timestamp)>, sqlx::Error> {
    let rows: Vec<(String, bool, i64, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "select saga, saga = any($1), count(*), min(due_at) from ballet.deadline \
         where due_at < ballet.now() - $2 * interval '1 millisecond' group by saga order by saga",
    )
    .bind(declared)
    .bind(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(saga, known, n, since)| (saga, known, n, since.to_jiff())).collect())
}
