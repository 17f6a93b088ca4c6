//! Open calls as they are seen from outside of the engine.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::inbox::stuck::NO_OUTCOME_YET;
use crate::ledger::entry::StepKey;
use crate::pending::calls::stored::StatedOutcome;

/// A call to the outside that has no answer yet.
#[derive(Debug, Clone)]
pub struct OpenCall {
    pub saga: Uuid,
    pub step: String,
    pub key: String,
    pub undo: bool,
    pub attempts: i32,
    pub last_error: Option<String>,
    pub since: Timestamp,
    /// `None` if it is set aside.
    pub next_at: Option<Timestamp>,
}

/// Lists the open calls, the oldest first.
pub async fn list(db: &mut PgConnection) -> Result<Vec<OpenCall>, sqlx::Error> {
    type At = jiff_sqlx::Timestamp;
    type Columns = (Uuid, String, String, bool, i32, Option<String>, At, Option<At>);
    let calls: Vec<Columns> = sqlx::query_as(
        "select saga_id, step, key, undo, attempts, last_error, created_at, \
             nullif(next_at, 'infinity') from ballet.call where closed_at is null order by created_at",
    )
    .fetch_all(db)
    .await?;
    let calls = calls.into_iter().map(|columns| {
        let (saga, step, key, undo, attempts, last_error, since, next_at) = columns;
        let (since, next_at) = (since.to_jiff(), next_at.map(At::to_jiff));
        OpenCall { saga, step, key, undo, attempts, last_error, since, next_at }
    });
    Ok(calls.collect())
}

/// Why a step's calls fail, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingCalls {
    /// The first 200 characters of an error.
    pub error: String,
    /// When the oldest of them was requested.
    pub since: Timestamp,
}

/// Returns the steps whose open calls have all failed, without an answer to any in the last
/// seconds. While a recovered provider catches up, many calls still have the error of before.
pub async fn failing(db: &mut PgConnection) -> Result<BTreeMap<String, FailingCalls>, sqlx::Error> {
    // An outage leaves a call for each saga that began meanwhile, so they are counted where they
    // are.
    let failing = "select step, min(left(last_error, 200)), min(created_at) from ballet.call \
                   where closed_at is null and attempts > 0 group by step \
                   having bool_and(last_error is not null) and step not in ( \
                       select step from ballet.call where closed_at > now() - interval '10 seconds')";
    let steps: Vec<(String, String, jiff_sqlx::Timestamp)> =
        sqlx::query_as(failing).fetch_all(db).await?;
    let failing = |(step, error, since): (_, _, jiff_sqlx::Timestamp)| {
        (step, FailingCalls { error, since: since.to_jiff() })
    };
    Ok(steps.into_iter().map(failing).collect())
}

/// Returns the sagas that wait for a call.
pub async fn sagas(db: &mut PgConnection) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    let open = "select distinct saga_id from ballet.call where closed_at is null";
    Ok(sqlx::query_scalar(open).fetch_all(db).await?.into_iter().collect())
}

/// Returns the sagas that wait for a call whose answer may come at any moment, since neither the
/// other side nor a person works on it.
pub async fn sagas_answered_soon(db: &mut PgConnection) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    let soon = format!(
        "select distinct saga_id from ballet.call \
         where closed_at is null and next_at < 'infinity' and not {NO_OUTCOME_YET}"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(soon)).fetch_all(db).await?.into_iter().collect())
}

/// The open call of a step, or of its compensation.
#[derive(Debug)]
pub struct OfStep {
    /// Its key.
    pub key: Uuid,
    /// Whether a process may be making it at this moment.
    pub is_out: bool,
    /// Whether the other side has taken the request, and may be carrying it out.
    pub is_taken: bool,
    /// Whether it is not made again until a person asks for it.
    pub is_set_aside: bool,
    /// The error of its last failed attempt.
    pub error: Option<String>,
}

/// Looks for the open call of a step, or of its compensation, and locks it.
pub async fn of_step(
    db: &mut PgConnection,
    saga: Uuid,
    at: StepKey<'_>,
    undo: bool,
) -> Result<Option<OfStep>, sqlx::Error> {
    let open = "select call_key, \
                    (owner <> 0 and next_at > ballet.now()) or coalesce(out_until > ballet.now(), false), \
                    taken_at is not null or (attempts = 0 and last_error is not null), \
                    next_at = 'infinity', last_error from ballet.call \
                where saga_id = $1 and step = $2 and key = $3 and undo = $4 and closed_at is null \
                for update";
    let open = sqlx::query_as(open).bind(saga).bind(at.step).bind(at.key).bind(undo);
    let call: Option<(Uuid, bool, bool, bool, Option<String>)> = open.fetch_optional(db).await?;
    Ok(call.map(|(key, is_out, is_taken, is_set_aside, error)| OfStep {
        key,
        is_out,
        is_taken,
        is_set_aside,
        error,
    }))
}

/// Notes the outcome that a person states of an open call that nobody makes at this moment. The
/// service takes it in at once, before the other due calls of its step.
pub async fn give(
    db: &mut PgConnection,
    key: Uuid,
    given: &StatedOutcome,
) -> Result<(), sqlx::Error> {
    let give = "update ballet.call c set given = $2, answer = $3, owner = 0, \
                    next_at = least(ballet.now(), (select min(o.next_at) from ballet.call o \
                        where o.closed_at is null and o.step = c.step and o.undo = c.undo) \
                        - interval '1 microsecond') \
                where call_key = $1 and closed_at is null";
    let (kind, answer) = given.stored();
    sqlx::query(give).bind(key).bind(kind).bind(answer).execute(db).await.map(drop)
}

/// Has an open call made as if it were new. Nobody makes it at this moment, and the other side has
/// done nothing for it, and remembers its key from now on.
pub async fn ask_anew(db: &mut PgConnection, key: Uuid) -> Result<(), sqlx::Error> {
    let anew = "update ballet.call set created_at = ballet.now(), asked_since = null, given = null, answer = null, \
                    attempts = 0, last_error = null, taken_at = null, owner = 0, next_at = ballet.now() \
                where call_key = $1 and closed_at is null";
    sqlx::query(anew).bind(key).execute(db).await.map(drop)
}

/// Closes a call without an answer.
pub async fn close(db: &mut PgConnection, key: Uuid) -> Result<(), sqlx::Error> {
    let close = "update ballet.call set closed_at = ballet.now() where call_key = $1";
    sqlx::query(close).bind(key).execute(db).await.map(drop)
}

/// The maximum number of calls that one statement makes due.
const HURRIED: i64 = 1_000;
/// Calls that wait for their next attempt, of the sagas of parameter 1 and the messages of
/// parameter 2, or else all.
const WAITING: &str = "closed_at is null and owner = 0 and next_at > (select ballet.now()) \
    and (cardinality($1::uuid[]) = 0 or saga_id = any($1)) \
    and (cardinality($2::uuid[]) = 0 or message_id = any($2) or call_key = any($2))";

/// Makes the calls due that wait for their next attempt, some at a time, but none that is being
/// made. Returns how many.
pub async fn hurry(
    db: &mut PgConnection,
    sagas: &[Uuid],
    messages: &[Uuid],
) -> Result<u64, sqlx::Error> {
    let hurry = format!(
        "update ballet.call set next_at = ballet.now() where call_key in ( \
             select call_key from ballet.call where {WAITING} and call_key <> all($3) \
             order by next_at limit {HURRIED} for update skip locked) returning call_key"
    );
    // One that fails again meanwhile waits.
    let mut hurried: Vec<Uuid> = Vec::new();
    loop {
        let query = sqlx::query_scalar(AssertSqlSafe(hurry.clone())).bind(sagas).bind(messages);
        let step: Vec<Uuid> = query.bind(&hurried).fetch_all(&mut *db).await?;
        if step.is_empty() {
            return Ok(hurried.len() as u64);
        }
        hurried.extend(step);
    }
}

/// Counts the calls that wait for their next attempt.
pub async fn count_waiting(
    db: &mut PgConnection,
    sagas: &[Uuid],
    messages: &[Uuid],
) -> Result<u64, sqlx::Error> {
    let count = format!("select count(*) from ballet.call where {WAITING}");
    let count = sqlx::query_scalar(AssertSqlSafe(count)).bind(sagas).bind(messages);
    let count: i64 = count.fetch_one(db).await?;
    Ok(count.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use sqlx::Executor;

    use super::*;
    use crate::schema::migrated_database::migrated;

    #[tokio::test]
    async fn a_step_fails_when_no_call_of_it_gets_an_answer_and_is_one_row_however_many_wait() {
        let (_database, mut db) = migrated("failing_steps").await;
        let calls = "insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, created_at, \
                         attempts, next_at, last_error, closed_at) \
                     select gen_random_uuid(), gen_random_uuid(), step, '', false, '', 0, now(), attempts, now(), \
                         error, closed_at from (values \
                             ('pay', 3, 'refused: ' || repeat('e', 1500), null::timestamptz, 20000), \
                             ('pay', 0, null, null, 1), ('book', 1, '500', null, 1), ('book', 1, null, null, 1), \
                             ('ship', 1, null, null, 1), ('notify', 2, 'before it was back', null, 1), \
                             ('notify', 1, null, now(), 1), ('call', 1, 'refused', null, 1), \
                             ('call', 1, null, now() - interval '1 minute', 1) \
                         ) as call (step, attempts, error, closed_at, count), generate_series(1, count)";
        db.execute(calls).await.expect("calls");
        let failing = failing(&mut db).await.expect("steps");
        assert_eq!(failing.keys().collect::<Vec<_>>(), ["call", "pay"]);
        assert!(failing["pay"].error.starts_with("refused: eee"), "{failing:?}");
        assert_eq!(failing["pay"].error.len(), 200);
    }
}
