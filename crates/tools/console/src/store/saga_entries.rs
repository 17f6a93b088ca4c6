//! The entries and keys of one saga.

use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::store::entry_row::{COLUMNS, EntryRow};
use crate::store::judgements::MOST;

/// Shown with bodies at each end. A saga of hours has more.
pub(crate) const EDGE: usize = 1_000;

/// Returns its entries without their bodies, in the order of the journal. If it has too many to judge, returns any of
/// them.
pub(crate) async fn entries(pool: &PgPool, saga: Uuid) -> Result<Vec<EntryRow>, sqlx::Error> {
    // Before the sorting, so that no more entries are read.
    let entries = format!(
        "select * from (select {COLUMNS}, ''::bytea as body from console.entry where saga = $1 limit $2) as own \
         order by place, member"
    );
    let most = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
    sqlx::query_as(AssertSqlSafe(entries)).bind(saga).bind(most).fetch_all(pool).await
}

/// Returns them in the journal's order, with at most `bytes` of each body. `all` comes from [`entries`].
pub(crate) async fn edges(
    pool: &PgPool,
    saga: Uuid,
    all: &[EntryRow],
    bytes: i32,
) -> Result<Vec<EntryRow>, sqlx::Error> {
    let is_edge = |at: usize| at < EDGE || at + EDGE >= all.len();
    let shown = all.iter().enumerate().filter(|(at, _)| is_edge(*at));
    let places: Vec<i64> = shown.map(|(_, row)| row.place).collect();
    // By the place alone: a search by the saga would read all its entries again.
    let edges = format!(
        "select {COLUMNS}, substr(body, 1, $2) as body from console.entry where place = any($1) order by place, member"
    );
    let edges = sqlx::query_as(AssertSqlSafe(edges)).bind(places).bind(bytes);
    let mut edges: Vec<EntryRow> = edges.fetch_all(pool).await?;
    // The members of a pack have one place.
    edges.retain(|row| row.saga == Some(saga));
    Ok(edges)
}

pub(crate) async fn keys(pool: &PgPool, saga: Uuid) -> Result<Vec<(String, String)>, sqlx::Error> {
    let all = "select name, value from console.key where saga = $1 order by name, value limit 50";
    sqlx::query_as(all).bind(saga).fetch_all(pool).await
}
