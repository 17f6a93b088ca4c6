//! Looks for batches without a mark, and reads them back.

use ballet_amqp::BatchId;
use ballet_core::fault::WorksOn;
use ballet_core::{MessageId, SagaId};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

use crate::outbox::batches::{BODY, MARK};
use crate::trace::Trace;

/// An event that is read back from the outbox.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    pub message_id: MessageId,
    pub event_type: String,
    pub saga_id: Option<SagaId>,
    pub causation_id: Option<MessageId>,
    pub trace: Option<Trace>,
    pub body: String,
    pub created_at: Timestamp,
}

impl WorksOn for StoredEvent {
    fn names(&self) -> Vec<String> {
        vec![self.event_type.clone()]
    }
}

/// A batch without a mark.
#[derive(Debug, Clone, Copy)]
pub struct UnmarkedBatch {
    pub batch: BatchId,
    pub events: i64,
    /// The bytes of its bodies.
    pub bytes: i64,
    /// The time of its oldest event.
    pub since: Timestamp,
}

/// The result of a look at a table.
#[derive(Debug)]
pub struct TableLook {
    /// The number of batches without a mark, those of the caller's memory included.
    pub unmarked: i64,
    /// The oldest of them, except those that the caller excluded.
    pub left: Vec<UnmarkedBatch>,
}

/// Finds at most `limit` batches without a mark, but those in `known` and those of processes in
/// `alive`. Reads the whole table once.
pub async fn look(
    db: &mut PgConnection,
    table: i16,
    known: &[BatchId],
    alive: &[i64],
    limit: i64,
) -> Result<TableLook, sqlx::Error> {
    let statement = format!(
        "with unmarked as materialized (select owner, batch, count(*) as events, \
         min(created_at) as since \
         from ballet.outbox_{table} group by owner, batch having min(position) > {MARK}), \
         behind as (select u.* from unmarked u \
         left join unnest($1::bigint[], $2::bigint[]) as known (owner, batch) \
         on known.owner = u.owner and known.batch = u.batch \
         where known.owner is null and u.owner <> all($3) \
         order by u.owner, u.batch limit $4), \
         sized as (select owner, batch, coalesce(sum(octet_length({BODY})), 0)::bigint as bytes \
         from ballet.outbox_{table} o join behind using (owner, batch) group by owner, batch) \
         select waiting.batches, owner, batch, events, bytes, since \
         from (select count(*) as batches from unmarked) as waiting \
         left join (behind join sized using (owner, batch)) on true order by owner, batch"
    );
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(known.iter().map(|batch| batch.process).collect::<Vec<_>>())
        .bind(known.iter().map(|batch| batch.number).collect::<Vec<_>>())
        .bind(alive)
        .bind(limit)
        .fetch_all(db)
        .await?;
    let mut found = TableLook { unmarked: 0, left: Vec::with_capacity(rows.len()) };
    for row in rows {
        found.unmarked = row.try_get(0)?;
        let (process, number): (Option<i64>, Option<i64>) = (row.try_get(1)?, row.try_get(2)?);
        let Some((process, number)) = process.zip(number) else { continue };
        found.left.push(UnmarkedBatch {
            batch: BatchId { process, number, table },
            events: row.try_get(3)?,
            bytes: row.try_get(4)?,
            since: row.try_get::<jiff_sqlx::Timestamp, _>(5)?.to_jiff(),
        });
    }
    Ok(found)
}

/// Returns the first batch of a table. A process uses its tables one after the other, so this tells
/// their order.
pub async fn first(db: &mut PgConnection, table: i16) -> Result<Option<(i64, i64)>, sqlx::Error> {
    let statement = format!(
        "select owner, batch from ballet.outbox_{table} where position > {MARK} \
         order by owner, batch limit 1"
    );
    sqlx::query_as(AssertSqlSafe(statement)).fetch_optional(db).await
}

/// An event that is committed and not yet known to be published.
#[derive(Debug, Clone)]
pub struct UnpublishedEvent {
    pub saga: Option<Uuid>,
    pub event_type: String,
    pub since: Timestamp,
}

/// Returns the oldest events of a table whose batches have no mark.
pub async fn events(
    db: &mut PgConnection,
    table: i16,
    limit: i64,
) -> Result<Vec<UnpublishedEvent>, sqlx::Error> {
    let left = format!(
        "select saga_id, event_type, created_at from (select *, min(position) over \
         (partition by owner, batch) as first from ballet.outbox_{table}) as event \
         where first > {MARK} order by created_at limit $1"
    );
    let left: Vec<(Option<Uuid>, String, jiff_sqlx::Timestamp)> =
        sqlx::query_as(AssertSqlSafe(left)).bind(limit).fetch_all(db).await?;
    let event = |(saga, event_type, since): (_, _, jiff_sqlx::Timestamp)| {
        let since = since.to_jiff();
        UnpublishedEvent { saga, event_type, since }
    };
    Ok(left.into_iter().map(event).collect())
}

/// Counts the events of a table whose batches have no mark, and returns the time of the oldest.
pub async fn count(
    db: &mut PgConnection,
    table: i16,
) -> Result<(i64, Option<Timestamp>), sqlx::Error> {
    let unmarked = format!(
        "select coalesce(sum(events), 0)::bigint, min(since) from (select count(*) as events, \
         min(created_at) as since from ballet.outbox_{table} group by owner, batch \
         having min(position) > {MARK}) as batch"
    );
    let (count, since): (i64, Option<jiff_sqlx::Timestamp>) =
        sqlx::query_as(AssertSqlSafe(unmarked)).fetch_one(db).await?;
    Ok((count, since.map(jiff_sqlx::Timestamp::to_jiff)))
}

/// Returns true if any batch of a table has no mark.
pub async fn has_unmarked(db: &mut PgConnection, table: i16) -> Result<bool, sqlx::Error> {
    let statement = format!(
        "select exists (select from ballet.outbox_{table} group by owner, batch \
         having min(position) > {MARK})"
    );
    let (any,): (bool,) = sqlx::query_as(AssertSqlSafe(statement)).fetch_one(db).await?;
    Ok(any)
}

/// A batch that is read back.
#[derive(Debug)]
pub struct LoadedBatch {
    pub batch: BatchId,
    pub events: Vec<StoredEvent>,
    /// The position of each event in the batch.
    pub positions: Vec<i32>,
    /// Position and reason of each row that cannot be read.
    pub unreadable: Vec<(i32, String)>,
}

fn select(table: i16, wanted: &str, condition: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "select (wanted.at - 1)::int, message_id, event_type, saga_id, causation_id, traceparent, \
         {BODY}, created_at, o.position from ballet.outbox_{table} o \
         join {wanted} on wanted.owner = o.owner and wanted.batch = o.batch \
         where o.position > {MARK} and {condition} order by wanted.at, o.position"
    ))
}

/// Reads back batches of one table, in the given order.
pub async fn load(
    db: &mut PgConnection,
    table: i16,
    batches: &[BatchId],
) -> Result<Vec<LoadedBatch>, sqlx::Error> {
    let wanted = "unnest($1::bigint[], $2::bigint[]) with ordinality as wanted (owner, batch, at)";
    let rows = sqlx::query(select(table, wanted, "true"))
        .bind(batches.iter().map(|batch| batch.process).collect::<Vec<_>>())
        .bind(batches.iter().map(|batch| batch.number).collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
    loaded(batches, &rows)
}

/// Reads back the events at these positions of batches of one table, in the given order.
pub async fn load_some(
    db: &mut PgConnection,
    table: i16,
    some: &[(BatchId, Vec<i32>)],
) -> Result<Vec<LoadedBatch>, sqlx::Error> {
    let wanted = "unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::int[]) \
         as wanted (owner, batch, at, position)";
    let all = || {
        (1_i64..).zip(some).flat_map(|(at, (batch, positions))| {
            positions.iter().map(move |position| (batch, at, *position))
        })
    };
    let rows = sqlx::query(select(table, wanted, "wanted.position = o.position"))
        .bind(all().map(|(batch, ..)| batch.process).collect::<Vec<_>>())
        .bind(all().map(|(batch, ..)| batch.number).collect::<Vec<_>>())
        .bind(all().map(|(_, at, _)| at).collect::<Vec<_>>())
        .bind(all().map(|(.., position)| position).collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
    let batches: Vec<BatchId> = some.iter().map(|(batch, _)| *batch).collect();
    loaded(&batches, &rows)
}

fn loaded(batches: &[BatchId], rows: &[PgRow]) -> Result<Vec<LoadedBatch>, sqlx::Error> {
    let empty = |batch: &BatchId| LoadedBatch {
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
        match read(row)? {
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
pub(crate) fn read(row: &PgRow) -> Result<Result<StoredEvent, String>, sqlx::Error> {
    let (message_id, event_type, body) = (row.try_get(1)?, row.try_get(2)?, row.try_get(6)?);
    let missing = |what: &str| Ok(Err(format!("it has no {what}")));
    let Some(message_id) = message_id else { return missing("message id") };
    let Some(event_type) = event_type else { return missing("event type") };
    let Some(body): Option<String> = body else { return missing("body") };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body) {
        return Ok(Err(format!("its body is not JSON: {error}")));
    }
    let saga_id = row.try_get::<Option<_>, _>(3)?.map(SagaId);
    let trace = row.try_get::<Option<&str>, _>(5)?;
    Ok(Ok(StoredEvent {
        message_id: MessageId(message_id),
        event_type,
        saga_id,
        causation_id: row.try_get::<Option<_>, _>(4)?.map(MessageId),
        trace: trace.and_then(|stored| Trace::parse(stored, saga_id)),
        body,
        created_at: row.try_get::<jiff_sqlx::Timestamp, _>(7)?.to_jiff(),
    }))
}
