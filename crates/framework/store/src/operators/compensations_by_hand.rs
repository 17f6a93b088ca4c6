//! The table of compensations that a person has done by hand. The saga goes on after that, with
//! the compensations of earlier steps.
//!
//! A row by nobody is not of a person. What the answer to a call of that step set off failed, or a
//! transaction had compensated for long enough with that step. The row is deleted once the saga has
//! gone on.

use std::time::Duration;

use ballet_core::SagaId;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::ledger::entry::StepKey;

/// A saga with compensations that are left, after this step.
#[derive(Debug)]
pub struct DueSaga {
    pub saga_id: SagaId,
    /// The saga's name.
    pub saga: String,
    pub step: String,
    pub key: String,
    /// The id of the note about a failure.
    pub note_id: Uuid,
    pub attempts: u32,
}

impl DueSaga {
    /// The step with its key.
    pub fn at(&self) -> StepKey<'_> {
        StepKey { step: &self.step, key: &self.key }
    }
}

/// Returns the next of these sagas that is due, and that nobody goes on with now. One that was
/// never tried comes before those that have failed.
pub async fn next(
    db: &mut PgConnection,
    sagas: &[&'static str],
) -> Result<Option<DueSaga>, sqlx::Error> {
    type Columns = (Uuid, String, String, String, Uuid, i32);
    let due = "select saga_id, saga, step, key, note_id, attempts from ballet.solved \
         where next_at <= ballet.now() and saga = any($1) order by attempts > 0, next_at limit 1 for update skip locked";
    let due: Option<Columns> = sqlx::query_as(due).bind(sagas).fetch_optional(db).await?;
    Ok(due.map(|(saga_id, saga, step, key, note_id, attempts)| DueSaga {
        saga_id: SagaId(saga_id),
        saga,
        step,
        key,
        note_id,
        attempts: u32::try_from(attempts).unwrap_or_default(),
    }))
}

/// A saga with compensations that are left, as an audit sees it.
#[derive(Debug, Clone)]
pub struct WaitingSaga {
    /// The saga.
    pub saga_id: Uuid,
    /// The step after which it goes on.
    pub step: String,
    /// When it is tried next.
    pub next_at: Timestamp,
    /// How often that has failed.
    pub attempts: u32,
    /// Why, the last time.
    pub last_failure: Option<String>,
}

/// Returns all sagas with compensations that are left.
pub async fn waiting(db: &mut PgConnection) -> Result<Vec<WaitingSaga>, sqlx::Error> {
    type Columns = (Uuid, String, jiff_sqlx::Timestamp, i32, Option<String>);
    let waiting = "select s.saga_id, s.step, s.next_at, s.attempts, f.detail from ballet.solved s \
                   left join ballet.failure f on f.message_id = s.note_id \
                   where s.next_at is not null order by s.next_at";
    let rows: Vec<Columns> = sqlx::query_as(waiting).fetch_all(db).await?;
    let waiting = |(saga_id, step, next_at, attempts, last_failure): Columns| {
        let attempts = u32::try_from(attempts).unwrap_or_default();
        WaitingSaga { saga_id, step, next_at: next_at.to_jiff(), attempts, last_failure }
    };
    Ok(rows.into_iter().map(waiting).collect())
}

/// Takes it. Returns false if another process has taken it before.
pub async fn take(db: &mut PgConnection, due: &DueSaga) -> Result<bool, sqlx::Error> {
    let take = "with over as (delete from ballet.solved where saga_id = $1 and step = $2 and key = $3 \
                    and next_at is not null and solved_by = '' returning 1), \
                taken as (update ballet.solved set next_at = null where saga_id = $1 and step = $2 and key = $3 \
                    and next_at is not null and solved_by <> '' returning 1) \
                select exists (select from over) or exists (select from taken)";
    let taken = sqlx::query_scalar(take).bind(due.saga_id.0).bind(&due.step);
    taken.bind(&due.key).fetch_one(db).await
}

/// Lets an aborted saga go on with its compensations after those of this step. A replica of a version
/// that knew only what a person had done takes it up, too, and keeps the row.
pub async fn go_on(
    db: &mut PgConnection,
    saga_id: SagaId,
    saga: &str,
    at: StepKey<'_>,
    note_id: Uuid,
) -> Result<(), sqlx::Error> {
    let go_on = "insert into ballet.solved (saga_id, saga, step, key, solved_by, why, solved_at, next_at, \
                     note_id) \
                 select $1, $2, $3, $4, '', '', at, at, $5 from (select ballet.now() as at) as now \
                 on conflict on constraint solved_pkey do update set next_at = excluded.next_at";
    let go_on = sqlx::query(go_on).bind(saga_id.0).bind(saga).bind(at.step).bind(at.key);
    go_on.bind(note_id).execute(db).await.map(drop)
}

/// Tries it again later. Returns false if another process has taken it before.
pub async fn put_off(
    db: &mut PgConnection,
    due: &DueSaga,
    pause: Duration,
) -> Result<bool, sqlx::Error> {
    let put_off = sqlx::query(
        "update ballet.solved set attempts = attempts + 1, \
             next_at = ballet.now() + make_interval(secs => $4) \
         where saga_id = $1 and step = $2 and key = $3 and next_at is not null",
    )
    .bind(due.saga_id.0)
    .bind(&due.step)
    .bind(&due.key)
    .bind(pause.as_secs_f64());
    Ok(put_off.execute(db).await?.rows_affected() > 0)
}

/// A compensation that a person has done by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompensationByHand {
    /// The step.
    pub step: String,
    /// Its key, if it has one.
    pub key: String,
    /// The person that says so.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// The last error of the service's compensation.
    pub last_error: Option<String>,
}

/// The compensations of a saga that a person has done by hand.
pub async fn notes(
    db: &mut PgConnection,
    saga: Uuid,
) -> Result<Vec<CompensationByHand>, sqlx::Error> {
    type Columns = (String, String, String, String, jiff_sqlx::Timestamp, Option<String>);
    let statement = "select step, key, solved_by, why, solved_at, last_error from ballet.solved \
                     where saga_id = $1 and solved_by <> '' order by solved_at";
    let rows: Vec<Columns> = sqlx::query_as(statement).bind(saga).fetch_all(db).await?;
    let solved = |(step, key, by, why, at, last_error): Columns| {
        let at = at.to_jiff();
        CompensationByHand { step, key, by, why, at, last_error }
    };
    Ok(rows.into_iter().map(solved).collect())
}

/// Returns who compensated which step of each saga by hand, and why.
pub async fn all(
    db: &mut PgConnection,
) -> Result<Vec<(Uuid, String, String, String)>, sqlx::Error> {
    let all = "select saga_id, step, solved_by, why from ballet.solved where solved_by <> ''";
    sqlx::query_as(all).fetch_all(db).await
}

/// A compensation that a person has done by hand, to be noted.
#[derive(Debug)]
pub struct NewNote<'a> {
    /// The saga.
    pub saga_id: Uuid,
    /// Its name.
    pub saga: &'a str,
    /// The step.
    pub step: &'a str,
    /// Its key.
    pub key: &'a str,
    /// The person that says so.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
    /// The event that says it.
    pub message_id: Option<Uuid>,
    /// The last error of the service's compensation.
    pub last_error: Option<String>,
    /// Whether earlier steps are left, with which the saga goes on.
    pub goes_on: bool,
    /// The id of the note.
    pub note_id: Uuid,
}

/// Adds a note. Other steps of the saga that wait may go on now. A saga that was to go on after a
/// call of the same step still does, since it has a failure to forget.
pub async fn insert(db: &mut PgConnection, note: &NewNote<'_>) -> Result<(), sqlx::Error> {
    let now = "update ballet.solved set next_at = ballet.now() \
               where saga_id = $1 and next_at is not null";
    sqlx::query(now).bind(note.saga_id).execute(&mut *db).await?;
    sqlx::query(
        "insert into ballet.solved (saga_id, saga, step, key, solved_by, why, solved_at, message_id, \
             last_error, next_at, note_id) \
         select $1, $2, $3, $4, $5, $6, at, $7, $8, case when $9 then at end, $10 \
         from (select ballet.now() as at) as now \
         on conflict on constraint solved_pkey do update set solved_by = excluded.solved_by, \
             why = excluded.why, solved_at = excluded.solved_at, message_id = excluded.message_id, \
             last_error = excluded.last_error, next_at = coalesce(solved.next_at, excluded.next_at) \
             where solved.solved_by = ''",
    )
    .bind(note.saga_id)
    .bind(note.saga)
    .bind(note.step)
    .bind(note.key)
    .bind(note.by)
    .bind(note.why)
    .bind(note.message_id)
    .bind(&note.last_error)
    .bind(note.goes_on)
    .bind(note.note_id)
    .execute(db)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, Executor};

    use super::*;
    use crate::ledger::entry::NO_KEY;
    use crate::schema::migrated_database::migrated;

    #[tokio::test]
    async fn what_was_never_tried_comes_first_and_what_somebody_goes_on_with_is_left_to_him() {
        let (database, mut db) = migrated("solved_next").await;
        let [failed, first, second] = [1, 2, 3].map(|id| SagaId(Uuid::from_u128(id)));
        for saga_id in [failed, first, second] {
            let at = StepKey { step: "hold", key: NO_KEY };
            go_on(&mut db, saga_id, "trip", at, saga_id.0).await.expect("a row");
        }
        let due = next(&mut db, &["trip"]).await.expect("an answer").expect("one");
        assert_eq!(due.saga_id, failed);
        assert!(put_off(&mut db, &due, Duration::ZERO).await.expect("put off"));
        let long_due =
            "update ballet.solved set next_at = next_at - interval '1 hour' where attempts > 0";
        db.execute(long_due).await.expect("long due");
        let waiting = waiting(&mut db).await.expect("a list");
        assert_eq!(waiting.iter().map(|one| one.attempts).sum::<u32>(), 1);

        let mut other = PgConnection::connect(database.url()).await.expect("a session");
        for expected in [first, second, failed] {
            let due = next(&mut db, &["trip"]).await.expect("an answer").expect("one");
            assert_eq!(due.saga_id, expected);
            // Somebody else takes the first, and is not done with it.
            if expected == first {
                other.execute("begin").await.expect("a transaction");
                assert!(take(&mut other, &due).await.expect("taken"));
            } else {
                assert!(take(&mut db, &due).await.expect("taken"));
            }
        }
        assert!(next(&mut db, &["trip"]).await.expect("an answer").is_none());
        other.execute("rollback").await.expect("rolled back");
        let due = next(&mut db, &["trip"]).await.expect("an answer").expect("one");
        assert_eq!(due.saga_id, first);
    }
}
