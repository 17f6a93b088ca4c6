//! The outbox tables: a few short tables used in turn. Rows are only added.
//!
//! The rows of a batch carry its id. One more row, the mark, records that the whole batch is
//! published. A table whose batches are all marked is truncated, so nothing waits for vacuum, and a
//! long transaction elsewhere slows nothing down.

use ballet_amqp::BatchId;
use ballet_core::{MessageId, SagaId};
use ballet_fault::{self as fault, WorksOn};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::declare::event::Emitted;
use crate::declare::trace::Trace;
use crate::tables::ledger::Columns;

/// The number of outbox tables.
pub const TABLES: i16 = 4;
/// How long a table is written to before the next table's turn.
const TURN_SECONDS: i64 = 10;
/// The position of a mark among a batch's rows.
const MARK: i32 = -1;

/// Returns the table whose turn it is. All processes of a service derive it from the time, so they
/// write to the same table while the others are emptied.
pub(crate) fn table_at(now: Timestamp) -> i16 {
    let turn = now.as_second().div_euclid(TURN_SECONDS).rem_euclid(i64::from(TABLES));
    i16::try_from(turn).unwrap_or_default()
}

/// Marks a batch as published, except for messages that can never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) batch: BatchId,
    /// Position and reason of each event that can never be published. They are copied to
    /// `outbox_dead`.
    pub(crate) dead: Vec<(i32, String)>,
}

/// An event that is read back from the outbox.
#[derive(Debug, Clone)]
pub(crate) struct StoredEvent {
    pub(crate) message_id: MessageId,
    pub(crate) event_type: String,
    pub(crate) saga_id: Option<SagaId>,
    pub(crate) causation_id: Option<MessageId>,
    pub(crate) trace: Option<Trace>,
    pub(crate) body: String,
    pub(crate) created_at: Timestamp,
}

impl WorksOn for StoredEvent {
    fn names(&self) -> Vec<String> {
        vec![self.event_type.clone()]
    }
}

impl WorksOn for Mark {
    fn names(&self) -> Vec<String> {
        fault::events_of(&self.batch)
    }
}

fn position(at: usize) -> i32 {
    i32::try_from(at).unwrap_or(i32::MAX)
}

/// Writes a batch's events with one statement. The statement also writes rows of the ledger, and
/// marks of the same table without dead events.
pub(crate) async fn insert(
    db: &mut PgConnection,
    batch: BatchId,
    events: &[Emitted],
    ledger: &Columns,
    marks: &[BatchId],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let table = batch.table;
    let noted = match ledger.is_empty() {
        true => String::new(),
        false => format!("with noted as ({}) ", Columns::insert("ledger", 13, 3)),
    };
    let statement = format!(
        "{noted}insert into ballet.outbox_{table} (owner, batch, position, message_id, event_type, \
         saga_id, causation_id, traceparent, body, created_at) \
         select $1, $2, row.position, row.message_id, row.event_type, row.saga_id, \
         row.causation_id, row.traceparent, row.body, $3 \
         from unnest($4::int[], $5::uuid[], $6::text[], $7::uuid[], $8::uuid[], $9::text[], \
         $10::text[]) as row (position, message_id, event_type, saga_id, causation_id, \
         traceparent, body) union all \
         select owner, batch, {MARK}, null, null, null, null, null, null, $3 \
         from unnest($11::bigint[], $12::bigint[]) as mark (owner, batch)"
    );
    let bodies: Vec<String> =
        events.iter().map(|e| String::from_utf8_lossy(&e.event.body).into_owned()).collect();
    let query = sqlx::query(AssertSqlSafe(statement))
        .bind(batch.process)
        .bind(batch.number)
        .bind(now.to_sqlx())
        .bind((0..events.len()).map(position).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.message_id.0).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.event.event_type.name()).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.saga_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.causation_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.trace.as_ref().map(Trace::to_string)).collect::<Vec<_>>())
        .bind(bodies)
        .bind(marks.iter().map(|mark| mark.process).collect::<Vec<_>>())
        .bind(marks.iter().map(|mark| mark.number).collect::<Vec<_>>());
    let query = if ledger.is_empty() { query } else { ledger.bind(query) };
    query.execute(db).await?;
    Ok(())
}

/// Marks batches as published. A mark is a row of the same table as its batch, so one truncation
/// removes both.
pub(crate) async fn mark(
    db: &mut PgConnection,
    marks: &[&Mark],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    for table in 0..TABLES {
        let of_table: Vec<&Mark> =
            marks.iter().copied().filter(|mark| mark.batch.table == table).collect();
        if of_table.is_empty() {
            continue;
        }
        for mark in of_table.iter().filter(|mark| !mark.dead.is_empty()) {
            copy_dead(db, mark).await?;
        }
        let statement = format!(
            "insert into ballet.outbox_{table} (owner, batch, position, created_at) \
             select row.owner, row.batch, $1, $2 \
             from unnest($3::bigint[], $4::bigint[]) as row (owner, batch)"
        );
        sqlx::query(AssertSqlSafe(statement))
            .bind(MARK)
            .bind(now.to_sqlx())
            .bind(of_table.iter().map(|mark| mark.batch.process).collect::<Vec<_>>())
            .bind(of_table.iter().map(|mark| mark.batch.number).collect::<Vec<_>>())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Copies the events that can never be published to `outbox_dead`.
async fn copy_dead(db: &mut PgConnection, mark: &Mark) -> Result<(), sqlx::Error> {
    let table = mark.batch.table;
    let statement = format!(
        "insert into ballet.outbox_dead (owner, batch, position, message_id, event_type, saga_id, \
         causation_id, traceparent, body, created_at, reason) \
         select o.owner, o.batch, o.position, o.message_id, o.event_type, o.saga_id, \
         o.causation_id, o.traceparent, o.body, o.created_at, dead.reason \
         from ballet.outbox_{table} o \
         join unnest($3::int[], $4::text[]) as dead (position, reason) \
         on dead.position = o.position where o.owner = $1 and o.batch = $2 on conflict do nothing"
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(mark.batch.process)
        .bind(mark.batch.number)
        .bind(mark.dead.iter().map(|(position, _)| *position).collect::<Vec<_>>())
        .bind(mark.dead.iter().map(|(_, reason)| reason.as_str()).collect::<Vec<_>>())
        .execute(db)
        .await?;
    Ok(())
}

/// The unpublished events of a table.
pub(crate) struct Unpublished {
    /// The number of events.
    pub(crate) events: i64,
    /// The time of the oldest event.
    pub(crate) since: Option<Timestamp>,
    /// The oldest of their batches, except those that the caller excluded.
    pub(crate) batches: Vec<BatchId>,
}

/// Finds batches without a mark, except those in `known` and those of processes in `alive`. Reads
/// the whole table once.
pub(crate) async fn unpublished(
    db: &mut PgConnection,
    table: i16,
    known: &[BatchId],
    alive: &[i64],
    limit: i64,
) -> Result<Unpublished, sqlx::Error> {
    let statement = format!(
        "with unmarked as (select owner, batch, count(*) as events, min(created_at) as since \
         from ballet.outbox_{table} group by owner, batch having min(position) > {MARK}), \
         waiting as (select coalesce(sum(events), 0)::bigint as events, min(since) as since \
         from unmarked) \
         select waiting.events, waiting.since, o.owner, o.batch from waiting left join \
         (select u.owner, u.batch, u.since from unmarked u \
         left join unnest($1::bigint[], $2::bigint[]) as known (owner, batch) \
         on known.owner = u.owner and known.batch = u.batch \
         where known.owner is null and u.owner <> all($3) \
         order by u.since, u.owner, u.batch limit $4) as o on true \
         order by o.since, o.owner, o.batch"
    );
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(known.iter().map(|batch| batch.process).collect::<Vec<_>>())
        .bind(known.iter().map(|batch| batch.number).collect::<Vec<_>>())
        .bind(alive)
        .bind(limit)
        .fetch_all(db)
        .await?;
    let mut found = Unpublished { events: 0, since: None, batches: Vec::with_capacity(rows.len()) };
    for row in rows {
        found.events = row.try_get(0)?;
        found.since = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(1)?.map(|at| at.to_jiff());
        let (process, number): (Option<i64>, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
        let batch = process.zip(number).map(|(process, number)| BatchId { process, number, table });
        found.batches.extend(batch);
    }
    Ok(found)
}

/// Returns the number of unpublished events of a table.
///
/// # Errors
///
/// The error of the database.
pub async fn unpublished_events(db: &mut PgConnection, table: i16) -> Result<i64, sqlx::Error> {
    Ok(unpublished(db, table, &[], &[], 0).await?.events)
}

/// Returns true if any batch of a table has no mark.
async fn has_unmarked(db: &mut PgConnection, table: i16) -> Result<bool, sqlx::Error> {
    let statement = format!(
        "select exists (select from ballet.outbox_{table} group by owner, batch \
         having min(position) > {MARK})"
    );
    let (any,): (bool,) = sqlx::query_as(AssertSqlSafe(statement)).fetch_one(db).await?;
    Ok(any)
}

/// A batch that is read back.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) batch: BatchId,
    pub(crate) events: Vec<StoredEvent>,
    /// The position of each event in the batch.
    pub(crate) positions: Vec<i32>,
    /// Position and reason of each row that cannot be read.
    pub(crate) unreadable: Vec<(i32, String)>,
}

/// Reads back batches of one table, in the given order.
pub(crate) async fn load(
    db: &mut PgConnection,
    table: i16,
    batches: &[BatchId],
) -> Result<Vec<Loaded>, sqlx::Error> {
    let statement = format!(
        "select (wanted.at - 1)::int, message_id, event_type, saga_id, causation_id, traceparent, \
         body, created_at, o.position from ballet.outbox_{table} o \
         join unnest($1::bigint[], $2::bigint[]) with ordinality as wanted (owner, batch, at) \
         on wanted.owner = o.owner and wanted.batch = o.batch \
         where o.position > {MARK} order by wanted.at, o.position"
    );
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(batches.iter().map(|batch| batch.process).collect::<Vec<_>>())
        .bind(batches.iter().map(|batch| batch.number).collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
    let empty = |batch: &BatchId| Loaded {
        batch: *batch,
        events: Vec::new(),
        positions: Vec::new(),
        unreadable: Vec::new(),
    };
    let mut loaded: Vec<_> = batches.iter().map(empty).collect();
    for row in rows {
        let at = usize::try_from(row.try_get::<i32, _>(0)?).unwrap_or(usize::MAX);
        let Some(loaded) = loaded.get_mut(at) else { continue };
        let position = row.try_get(8)?;
        match read(&row)? {
            Ok(event) => {
                loaded.events.push(event);
                loaded.positions.push(position);
            }
            Err(reason) => loaded.unreadable.push((position, reason)),
        }
    }
    Ok(loaded)
}

/// Reads an event back, or says why it is none. A row may have been changed by hand.
fn read(row: &PgRow) -> Result<Result<StoredEvent, String>, sqlx::Error> {
    let (message_id, event_type, body) = (row.try_get(1)?, row.try_get(2)?, row.try_get(6)?);
    let missing = |what: &str| Ok(Err(format!("it has no {what}")));
    let Some(message_id) = message_id else { return missing("message id") };
    let Some(event_type) = event_type else { return missing("event type") };
    let Some(body): Option<String> = body else { return missing("body") };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body) {
        return Ok(Err(format!("its body is not JSON: {error}")));
    }
    Ok(Ok(StoredEvent {
        message_id: MessageId(message_id),
        event_type,
        saga_id: row.try_get::<Option<_>, _>(3)?.map(SagaId),
        causation_id: row.try_get::<Option<_>, _>(4)?.map(MessageId),
        trace: row.try_get::<Option<String>, _>(5)?.as_deref().and_then(Trace::parse),
        body,
        created_at: row.try_get::<jiff_sqlx::Timestamp, _>(7)?.to_jiff(),
    }))
}

/// Truncates a table if all its batches are marked, and returns whether it did. Call it only if no
/// unmarked batch was found before.
///
/// It takes the lock before it looks for unmarked batches. A look before the lock would miss a
/// batch that commits in between, and the truncation would lose that batch.
pub(crate) async fn truncate(
    transaction: &mut PgConnection,
    table: i16,
) -> Result<bool, sqlx::Error> {
    let size = format!("select pg_relation_size('ballet.outbox_{table}')");
    let (size,): (i64,) = sqlx::query_as(AssertSqlSafe(size)).fetch_one(&mut *transaction).await?;
    if size == 0 {
        return Ok(false);
    }
    // Do not wait for a writer that holds the table: other writers would queue up behind us.
    sqlx::query("set local lock_timeout = '50ms'").execute(&mut *transaction).await?;
    let lock = format!("lock table ballet.outbox_{table} in access exclusive mode");
    sqlx::query(AssertSqlSafe(lock)).execute(&mut *transaction).await?;
    if has_unmarked(transaction, table).await? {
        return Ok(false);
    }
    let truncate = format!("truncate ballet.outbox_{table}");
    sqlx::query(AssertSqlSafe(truncate)).execute(transaction).await?;
    Ok(true)
}
