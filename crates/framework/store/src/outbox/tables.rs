//! Which outbox tables there are, and whose they are.
//!
//! A process writes to tables of its own, one after the other, so it knows what of them is published.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::outbox::left_behind::has_unmarked;

/// An outbox table.
#[derive(Debug, Clone, Copy)]
pub struct OutboxTable {
    pub number: i16,
    /// The process that writes to it; `None` if it is free.
    pub owner: Option<i64>,
}

/// Lists all outbox tables.
pub async fn list(db: &mut PgConnection) -> Result<Vec<OutboxTable>, sqlx::Error> {
    let statement = "select table_number, owner from ballet.outbox_table order by table_number";
    let rows: Vec<(i16, Option<i64>)> = sqlx::query_as(statement).fetch_all(db).await?;
    Ok(rows.into_iter().map(|(number, owner)| OutboxTable { number, owner }).collect())
}

/// Returns the tables as the catalog has them, also one that is missing in the list. Their number
/// grows behind an outage.
pub async fn present(db: &mut PgConnection) -> Result<Vec<i16>, sqlx::Error> {
    let tables = "select substring(relname from 8)::smallint from pg_class \
                  where relnamespace = 'ballet'::regnamespace and relkind = 'r' \
                  and relname ~ '^outbox_[0-9]+$'";
    sqlx::query_scalar(tables).fetch_all(db).await
}

/// Returns true if a table holds no rows, published or not.
pub async fn is_empty(db: &mut PgConnection, table: i16) -> Result<bool, sqlx::Error> {
    let size = format!("select pg_relation_size('ballet.outbox_{table}') = 0");
    let (empty,): (bool,) = sqlx::query_as(AssertSqlSafe(size)).fetch_one(db).await?;
    Ok(empty)
}

/// Returns those of the tables that hold rows, with one statement. It fails if somebody holds the
/// lock of any of them.
pub async fn with_rows(db: &mut PgConnection, tables: &[i16]) -> Result<Vec<i16>, sqlx::Error> {
    let statement = "select number from unnest($1::smallint[]) as number \
                     where pg_relation_size(to_regclass('ballet.outbox_' || number)) > 0";
    sqlx::query_scalar(statement).bind(tables).fetch_all(db).await
}

/// Returns the process whose rows a table holds. A process gets an empty table, so there is one, or
/// more if a process was frozen when it lost the table, and wrote to it once more.
pub async fn writer(db: &mut PgConnection, table: i16) -> Result<Option<i64>, sqlx::Error> {
    let first = format!("select owner from ballet.outbox_{table} limit 1");
    sqlx::query_scalar(AssertSqlSafe(first)).fetch_optional(db).await
}

/// Gives a process an empty table.
pub async fn take(db: &mut PgConnection, process: i64) -> Result<i16, sqlx::Error> {
    let statement = "select ballet.take_outbox($1)";
    let (table,): (i16,) = sqlx::query_as(statement).bind(process).fetch_one(db).await?;
    Ok(table)
}

/// Gives a process a table of another that is gone, or a free one, and returns whether it got it.
/// It does not wait for somebody who is at that table.
pub async fn take_over(
    db: &mut PgConnection,
    table: OutboxTable,
    process: i64,
) -> Result<bool, sqlx::Error> {
    let statement = "update ballet.outbox_table set owner = $3 where table_number = \
                     (select table_number from ballet.outbox_table where table_number = $1 \
                     and owner is not distinct from $2 for update skip locked)";
    let taken = sqlx::query(statement)
        .bind(table.number)
        .bind(table.owner)
        .bind(process)
        .execute(db)
        .await?;
    Ok(taken.rows_affected() > 0)
}

/// Gives back a table that a process no longer needs.
pub async fn release(db: &mut PgConnection, table: i16, process: i64) -> Result<(), sqlx::Error> {
    let statement =
        "update ballet.outbox_table set owner = null where table_number = $1 and owner = $2";
    sqlx::query(statement).bind(table).bind(process).execute(db).await?;
    Ok(())
}

/// How an attempt to empty a table ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyingResult {
    /// It is empty once the transaction has committed.
    Yes,
    /// It was empty before.
    Already,
    /// A batch has no mark.
    Unmarked,
}

/// Truncates a table if all its batches are marked.
///
/// It takes the lock before it looks for unmarked batches, since the truncation would lose a batch
/// that commits in between.
pub async fn truncate(
    transaction: &mut PgConnection,
    table: i16,
) -> Result<EmptyingResult, sqlx::Error> {
    if is_empty(&mut *transaction, table).await? {
        return Ok(EmptyingResult::Already);
    }
    // Do not wait for a writer that holds the table, since other writers would queue up behind us.
    sqlx::query("set local lock_timeout = '50ms'").execute(&mut *transaction).await?;
    let lock = format!("lock table ballet.outbox_{table} in access exclusive mode");
    sqlx::query(AssertSqlSafe(lock)).execute(&mut *transaction).await?;
    if has_unmarked(transaction, table).await? {
        return Ok(EmptyingResult::Unmarked);
    }
    let truncate = format!("truncate ballet.outbox_{table}");
    sqlx::query(AssertSqlSafe(truncate)).execute(transaction).await?;
    Ok(EmptyingResult::Yes)
}
