//! Events that a service could not publish, and that it keeps in `ballet.outbox_dead` with the reason.

use ballet_core::fault::{self, FaultPoint};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Row};
use uuid::Uuid;

use crate::operators::change::{as_service, change};
use crate::operators::interventions::SignedAct;

/// The number of events of one batch that is put back.
const BATCH: i64 = 500;
/// The number of events that are put back in one transaction.
const STEP: i64 = 5_000;

/// The number of events that are deleted in one transaction, which has their bodies in memory.
const FORGOTTEN: usize = 500;

/// An event that could not be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadEvent {
    /// Its message id, unless somebody removed it from the row.
    pub message_id: Option<Uuid>,
    /// Its type.
    pub event_type: Option<String>,
    /// The saga that it belongs to, if any.
    pub saga_id: Option<Uuid>,
    /// When it was emitted.
    pub created_at: Timestamp,
    /// Why it could not be published.
    pub reason: String,
    /// Its body.
    pub body: Option<String>,
}

/// Selects events. An empty filter selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadEventFilter {
    /// Only these message ids.
    pub messages: Vec<Uuid>,
    /// Only these sagas.
    pub sagas: Vec<Uuid>,
    /// Only these event types.
    pub events: Vec<String>,
}

/// The condition of a [`DeadEventFilter`], with parameters 1 to 3.
const SELECTED: &str = "(cardinality($1::uuid[]) = 0 or message_id = any($1)) \
    and (cardinality($2::uuid[]) = 0 or saga_id = any($2)) \
    and (cardinality($3::text[]) = 0 or event_type = any($3))";

/// The events `d` with the keys of parameters 1 to 3.
const CHOSEN: &str = "using unnest($1::bigint[], $2::bigint[], $3::int[]) as chosen (owner, batch, position) \
    where (d.owner, d.batch, d.position) = (chosen.owner, chosen.batch, chosen.position)";

/// Lists the events that the service of this database could not publish: the oldest first, at most
/// `limit`.
pub async fn list(
    db: &mut PgConnection,
    filter: &DeadEventFilter,
    limit: u32,
) -> Result<Vec<DeadEvent>, sqlx::Error> {
    let statement = format!(
        "select message_id, event_type, saga_id, created_at, reason, body from ballet.outbox_dead \
         where {SELECTED} order by created_at, owner, batch, position limit $4"
    );
    sqlx::query_as(AssertSqlSafe(statement))
        .bind(&filter.messages)
        .bind(&filter.sagas)
        .bind(&filter.events)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await
}

/// Counts the events that a filter selects.
pub async fn count(db: &mut PgConnection, filter: &DeadEventFilter) -> Result<i64, sqlx::Error> {
    let statement = format!("select count(*) from ballet.outbox_dead where {SELECTED}");
    let (count,): (i64,) = sqlx::query_as(AssertSqlSafe(statement))
        .bind(&filter.messages)
        .bind(&filter.sagas)
        .bind(&filter.events)
        .fetch_one(db)
        .await?;
    Ok(count)
}

/// Puts events back into the outbox, and returns how many. A replica of the service publishes them,
/// under their message ids, like those of a dead process: in order, but for several replicas that
/// publish at the same time.
///
/// It goes in steps of some thousand events, so nothing waits long for it. If it is interrupted,
/// the next call goes on. No event is put back twice. `progress` hears after each step how many
/// were put back.
///
/// # Errors
///
/// If the database does not answer, or the service has not migrated it yet.
pub async fn retry(
    db: &mut PgConnection,
    filter: &DeadEventFilter,
    mut progress: impl FnMut(u64),
) -> Result<u64, sqlx::Error> {
    // An event that dies again has the number of its step's process.
    let mut steps = Vec::new();
    let mut put = 0;
    loop {
        let step = retry_step(db, filter, &mut steps).await?;
        put += step;
        if step > 0 {
            progress(put);
        }
        if step < STEP.unsigned_abs() {
            return Ok(put);
        }
    }
}

/// Puts back some events, but none that a step before this one has put back.
async fn retry_step(
    db: &mut PgConnection,
    filter: &DeadEventFilter,
    steps: &mut Vec<i64>,
) -> Result<u64, sqlx::Error> {
    let mut transaction = change(db).await?;
    as_service(&mut transaction).await?;
    // Chosen first, since looking for them takes longer than moving them.
    let choose = format!(
        "select owner, batch, position from ballet.outbox_dead where {SELECTED} and owner <> all($4) \
         order by owner, batch, position limit {STEP} for update skip locked"
    );
    let chosen: Vec<DeadEventKey> = sqlx::query_as(AssertSqlSafe(choose))
        .bind(&filter.messages)
        .bind(&filter.sagas)
        .bind(&filter.events)
        .bind(&*steps)
        .fetch_all(&mut *transaction)
        .await?;
    if chosen.is_empty() {
        return Ok(0);
    }
    let (process, table) = take_table(&mut transaction).await?;
    steps.push(process);
    let statement = format!(
        "with gone as (delete from ballet.outbox_dead d {CHOSEN} returning d.*), \
         ordered as (select *, row_number() over (order by owner, batch, position) - 1 as at \
             from gone) \
         insert into ballet.outbox_{table} (owner, batch, position, message_id, event_type, \
             saga_id, causation_id, traceparent, body, created_at) \
         select $4, at / {BATCH}, (at % {BATCH})::int, message_id, event_type, saga_id, \
             causation_id, traceparent, body, created_at from ordered"
    );
    let (owners, batches, positions) = columns(&chosen);
    let put = sqlx::query(AssertSqlSafe(statement))
        .bind(owners)
        .bind(batches)
        .bind(positions)
        .bind(process)
        .execute(&mut *transaction)
        .await?;
    fault::point(FaultPoint::BeforeTables, "put_back");
    transaction.commit().await?;
    fault::point(FaultPoint::AfterTables, "put_back");
    Ok(put.rows_affected())
}

/// An event to publish in the name of a service.
#[derive(Debug)]
pub struct NewEvent<'a> {
    pub message_id: Uuid,
    pub event_type: &'a str,
    pub saga_id: Uuid,
    pub causation_id: Option<Uuid>,
    pub body: &'a str,
}

/// Adds an event to the outbox, in a transaction of the caller. A replica of the service publishes
/// it like those of a dead process.
pub async fn add(db: &mut PgConnection, event: &NewEvent<'_>) -> Result<(), sqlx::Error> {
    let (process, table) = take_table(db).await?;
    let insert = format!(
        "insert into ballet.outbox_{table} (owner, batch, position, message_id, event_type, \
         saga_id, causation_id, body, created_at) values ($1, 0, 0, $2, $3, $4, $5, $6, ballet.now())"
    );
    sqlx::query(AssertSqlSafe(insert))
        .bind(process)
        .bind(event.message_id)
        .bind(event.event_type)
        .bind(event.saga_id)
        .bind(event.causation_id)
        .bind(event.body)
        .execute(db)
        .await
        .map(drop)
}

/// Takes an outbox table for a process that never lived, so that any process that finds the table
/// takes it over.
async fn take_table(db: &mut PgConnection) -> Result<(i64, i16), sqlx::Error> {
    let take = "select process, ballet.take_outbox(process) \
                from (select nextval('ballet.process') as process) as drawn";
    sqlx::query_as(take).fetch_one(db).await
}

/// The place of an event in the table.
pub type DeadEventKey = (i64, i64, i32);

/// The events that a filter selects now, the oldest first.
pub async fn keys(
    db: &mut PgConnection,
    filter: &DeadEventFilter,
) -> Result<Vec<DeadEventKey>, sqlx::Error> {
    let statement = format!(
        "select owner, batch, position from ballet.outbox_dead where {SELECTED} \
         order by created_at, owner, batch, position"
    );
    sqlx::query_as(AssertSqlSafe(statement))
        .bind(&filter.messages)
        .bind(&filter.sagas)
        .bind(&filter.events)
        .fetch_all(db)
        .await
}

/// Deletes these events for good, notes who does, and returns how many. They are gone only once `keep` has them.
///
/// # Errors
///
/// If the database does not answer, or what `keep` returns. Those of the batches before stay deleted.
pub async fn forget<E: From<sqlx::Error>>(
    db: &mut PgConnection,
    keys: &[DeadEventKey],
    by: SignedAct<'_>,
    mut keep: impl FnMut(&[DeadEvent]) -> Result<(), E>,
) -> Result<u64, E> {
    let statement = format!(
        "with gone as (delete from ballet.outbox_dead d {CHOSEN} returning d.*), \
         noted as (insert into ballet.intervention \
             (at, act, message_id, saga_id, event_type, done_by, why) \
             select ballet.now(), $4, message_id, saga_id, event_type, $5, $6 from gone \
             where message_id is not null) \
         select message_id, event_type, saga_id, created_at, reason, body from gone \
         order by created_at, owner, batch, position"
    );
    let mut deleted = 0;
    for keys in keys.chunks(FORGOTTEN) {
        let mut transaction = change(db).await?;
        let (owners, batches, positions) = columns(keys);
        let gone: Vec<DeadEvent> = sqlx::query_as(AssertSqlSafe(&*statement))
            .bind(owners)
            .bind(batches)
            .bind(positions)
            .bind(by.act.name())
            .bind(by.name)
            .bind(by.why)
            .fetch_all(&mut *transaction)
            .await?;
        keep(&gone)?;
        fault::point(FaultPoint::BeforeTables, "forget");
        transaction.commit().await?;
        fault::point(FaultPoint::AfterTables, "forget");
        deleted += gone.len() as u64;
    }
    Ok(deleted)
}

fn columns(keys: &[DeadEventKey]) -> (Vec<i64>, Vec<i64>, Vec<i32>) {
    keys.iter().copied().collect()
}

impl FromRow<'_, PgRow> for DeadEvent {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            message_id: row.try_get(0)?,
            event_type: row.try_get(1)?,
            saga_id: row.try_get(2)?,
            created_at: row.try_get::<jiff_sqlx::Timestamp, _>(3)?.to_jiff(),
            reason: row.try_get(4)?,
            body: row.try_get(5)?,
        })
    }
}
