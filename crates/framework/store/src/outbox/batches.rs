//! Writing to the outbox tables. Rows are only added.
//!
//! The rows of a batch carry its id. One more row, the mark, records that the whole batch is
//! published. A table whose batches are all marked is truncated, so nothing waits for vacuum, and
//! no long transaction slows anything down.
//!
//! An event that the ledger has is not written twice: its row has no body.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use ballet_amqp::BatchId;
use ballet_core::fault::{self, WorksOn};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::ledger::rows::Columns;
use crate::outbox::event::{EmittedEvent, EventSource};

/// The position of a mark among a batch's rows.
pub const MARK: i32 = -1;
/// The body of a row `o`: its own, or else that of the ledger.
pub(crate) const BODY: &str = "coalesce(o.body, \
    (select l.body from ballet.ledger l \
     where l.saga_id = o.saga_id and l.emitted_id = o.message_id limit 1), \
    (select l.body from ballet.ledger_other l \
     where l.saga_id = o.saga_id and l.emitted_id = o.message_id limit 1))";
/// Counting stops at this number.
const MAX_COUNTED: i64 = 10_000;

/// Marks a batch as published, except for messages that can never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub batch: BatchId,
    /// Position and reason of each event that can never be published. They are copied to
    /// `outbox_dead`.
    pub dead: Vec<(i32, String)>,
}

impl WorksOn for Mark {
    fn names(&self) -> Vec<String> {
        fault::events_of(&self.batch)
    }
}

fn position(at: usize) -> i32 {
    i32::try_from(at).unwrap_or(i32::MAX)
}

/// Writes a batch's events, rows of the ledger, and marks of the same table without dead events,
/// with one statement.
pub async fn insert(
    db: &mut PgConnection,
    batch: BatchId,
    events: &[EmittedEvent],
    ledger: &Columns<'_>,
    marks: &[BatchId],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(insert_statement(batch.table, !ledger.is_empty()))
        .bind(batch.process)
        .bind(batch.number)
        .bind(now.to_sqlx())
        .bind((0..events.len()).map(position).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.message_id.0).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.event.event_type.name()).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.saga_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.causation_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(events.iter().map(|e| Some(e.trace.as_ref()?.stored(e.saga_id))).collect::<Vec<_>>())
        .bind(events.iter().map(own_body).collect::<Vec<_>>())
        .bind(marks.iter().map(|mark| mark.process).collect::<Vec<_>>())
        .bind(marks.iter().map(|mark| mark.number).collect::<Vec<_>>());
    let query = if ledger.is_empty() { query } else { ledger.bind(query) };
    query.execute(db).await?;
    Ok(())
}

fn own_body(event: &EmittedEvent) -> Option<Cow<'_, str>> {
    (event.source != EventSource::Ledger).then(|| String::from_utf8_lossy(&event.event.body))
}

static WITH_LEDGER: LazyLock<String> =
    LazyLock::new(|| format!("with noted as ({}) ", Columns::insert("ledger", 13, 3)));

fn insert_statement(table: i16, with_ledger: bool) -> AssertSqlSafe<String> {
    let noted = if with_ledger { WITH_LEDGER.as_str() } else { "" };
    AssertSqlSafe(format!(
        "{noted}insert into ballet.outbox_{table} (owner, batch, position, message_id, event_type, \
         saga_id, causation_id, traceparent, body, created_at) \
         select $1, $2, row.position, row.message_id, row.event_type, row.saga_id, \
         row.causation_id, row.traceparent, row.body, $3 \
         from unnest($4::int[], $5::uuid[], $6::text[], $7::uuid[], $8::uuid[], $9::text[], \
         $10::text[]) as row (position, message_id, event_type, saga_id, causation_id, \
         traceparent, body) union all \
         select owner, batch, {MARK}, null, null, null, null, null, null, $3 \
         from unnest($11::bigint[], $12::bigint[]) as mark (owner, batch)"
    ))
}

/// Marks batches as published. A mark is a row of the same table as its batch, so one truncation
/// removes both.
pub async fn mark(
    db: &mut PgConnection,
    marks: &[&Mark],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let tables: BTreeSet<i16> = marks.iter().map(|mark| mark.batch.table).collect();
    for table in tables {
        let of_table: Vec<&Mark> =
            marks.iter().copied().filter(|mark| mark.batch.table == table).collect();
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

/// Counts the events in `outbox_dead`, up to a limit.
pub async fn count_dead(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let statement =
        "select count(*) from (select from ballet.outbox_dead limit $1) as unpublishable";
    sqlx::query_scalar(statement).bind(MAX_COUNTED).fetch_one(db).await
}

/// Returns the saga, type and reason of the oldest events in `outbox_dead`.
pub async fn dead(
    db: &mut PgConnection,
    limit: i64,
) -> Result<Vec<(Option<Uuid>, String, String)>, sqlx::Error> {
    let dead = "select saga_id, event_type, reason from ballet.outbox_dead \
                order by created_at limit $1";
    sqlx::query_as(dead).bind(limit).fetch_all(db).await
}

async fn copy_dead(db: &mut PgConnection, mark: &Mark) -> Result<(), sqlx::Error> {
    let table = mark.batch.table;
    let statement = format!(
        "insert into ballet.outbox_dead (owner, batch, position, message_id, event_type, saga_id, \
         causation_id, traceparent, body, created_at, reason) \
         select o.owner, o.batch, o.position, o.message_id, o.event_type, o.saga_id, \
         o.causation_id, o.traceparent, {BODY}, o.created_at, dead.reason \
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
