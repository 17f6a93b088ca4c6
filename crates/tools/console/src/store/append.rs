//! Adds entries in the journal's order, with the place behind the last one, so each is added once even after a crash.

use std::collections::BTreeSet;

use ballet_store::database::connection::begin;
use jiff::civil::Date;
use jiff_sqlx::ToSqlx;
use sqlx::{Executor, PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::store::days::{day, make};
use crate::store::entry_row::EntryRow;
use crate::store::flow::{self, Flow};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SagaKey {
    pub(crate) value: String,
    pub(crate) name: &'static str,
    pub(crate) saga: Uuid,
}

#[derive(Debug, Default)]
pub(crate) struct EntryBatch {
    pub(crate) rows: Vec<EntryRow>,
    /// Declared sagas only.
    pub(crate) changed: BTreeSet<Uuid>,
    pub(crate) keys: BTreeSet<SagaKey>,
    pub(crate) flow: Flow,
    pub(crate) gaps: Vec<String>,
}

/// Returns the next place of the journal to read.
pub(crate) async fn next(db: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select next from console.progress").fetch_one(db).await
}

/// Returns the place and the message of the last entry.
pub(crate) async fn last_entry(
    db: impl PgExecutor<'_>,
) -> Result<Option<(i64, Uuid)>, sqlx::Error> {
    let statement = "select place, message_id from console.entry order by place desc limit 1";
    sqlx::query_as(statement).fetch_optional(db).await
}

/// Adds a batch read from `from` up to `to`. Returns false if another console has added entries from there, or begun
/// again.
pub(crate) async fn append(
    pool: &PgPool,
    days: &mut BTreeSet<Date>,
    (from, to): (i64, i64),
    batch: &EntryBatch,
) -> Result<bool, sqlx::Error> {
    let mut db = begin(pool).await?;
    // A crash that loses this commit loses its place, so the entries are read again.
    db.execute("set local synchronous_commit = off").await?;
    let last = batch.rows.iter().map(|row| row.at).max().map(ToSqlx::to_sqlx);
    let ours = sqlx::query(
        "update console.progress set next = $2, entry_at = greatest($3, entry_at), written_at = now() \
         where next = $1",
    )
    .bind(from)
    .bind(to)
    .bind(last)
    .execute(&mut *db)
    .await?;
    if ours.rows_affected() == 0 {
        return Ok(false);
    }
    let new: BTreeSet<Date> = batch.rows.iter().map(|row| day(row.at)).collect();
    for day in new.difference(days) {
        make(&mut db, *day).await?;
    }
    if !batch.rows.is_empty() {
        add_entries(&mut db, &batch.rows).await?;
    }
    add_changed(&mut db, &batch.changed).await?;
    if !batch.keys.is_empty() {
        add_keys(&mut db, &batch.keys).await?;
    }
    flow::add(&mut db, &batch.flow).await?;
    if !batch.gaps.is_empty() {
        sqlx::query("insert into console.gap (what) select unnest($1::text[])")
            .bind(&batch.gaps)
            .execute(&mut *db)
            .await?;
    }
    db.commit().await?;
    days.extend(new);
    Ok(true)
}

async fn add_entries(db: &mut PgConnection, rows: &[EntryRow]) -> Result<(), sqlx::Error> {
    macro_rules! column {
        ($of:expr) => {
            rows.iter().map($of).collect::<Vec<_>>()
        };
    }
    sqlx::query(
        "insert into console.entry (place, member, at, kind, saga, type, service, message_id, cause, handler, \
             reason, detail, attempts, who, why, body, size) \
         select * from unnest($1::bigint[], $2::integer[], $3::timestamptz[], $4::text[], $5::uuid[], $6::text[], \
             $7::text[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::integer[], $14::text[], \
             $15::text[], $16::bytea[], $17::integer[])",
    )
    .bind(column!(|row| row.place))
    .bind(column!(|row| row.member))
    .bind(column!(|row| row.at.to_sqlx()))
    .bind(column!(|row| row.kind.as_str()))
    .bind(column!(|row| row.saga))
    .bind(column!(|row| &*row.event_type))
    .bind(column!(|row| &*row.service))
    .bind(column!(|row| Uuid::try_parse(&row.message_id).ok()))
    .bind(column!(|row: &EntryRow| row.cause.as_deref()))
    .bind(column!(|row: &EntryRow| row.handler.as_deref()))
    .bind(column!(|row: &EntryRow| row.reason.as_deref()))
    .bind(column!(|row: &EntryRow| row.detail.as_deref()))
    .bind(column!(|row| row.attempts))
    .bind(column!(|row: &EntryRow| row.who.as_deref()))
    .bind(column!(|row: &EntryRow| row.why.as_deref()))
    .bind(column!(|row| &*row.body))
    .bind(column!(|row| row.size))
    .execute(db)
    .await
    .map(drop)
}

async fn add_changed(db: &mut PgConnection, sagas: &BTreeSet<Uuid>) -> Result<(), sqlx::Error> {
    sqlx::query("insert into console.changed (saga) select unnest($1::uuid[])")
        .bind(sagas.iter().copied().collect::<Vec<_>>())
        .execute(db)
        .await
        .map(drop)
}

async fn add_keys(db: &mut PgConnection, keys: &BTreeSet<SagaKey>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into console.key (value, name, saga) \
         select * from unnest($1::text[], $2::text[], $3::uuid[]) on conflict do nothing",
    )
    .bind(keys.iter().map(|key| &*key.value).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.name).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.saga).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}
