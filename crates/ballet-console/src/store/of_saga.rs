//! All that is known of one saga.

use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::store::judged;
use crate::store::row::{COLUMNS, Row};

/// The most first, and the most last, entries that a page shows with their bodies. One of a saga of hours has more.
pub(crate) const EDGE: usize = 1_000;

/// Its entries without their bodies, in the order of the journal. Of those of a saga that cannot be judged only some.
pub(crate) async fn entries(pool: &PgPool, saga: Uuid) -> Result<Vec<Row>, sqlx::Error> {
    // Only what is limited before it is sorted is not read on.
    let entries = format!(
        "select * from (select {COLUMNS}, ''::bytea as body from console.entry where saga = $1 limit $2) as own \
         order by place"
    );
    let most = i64::try_from(judged::MOST + 1).unwrap_or(i64::MAX);
    sqlx::query_as(AssertSqlSafe(entries)).bind(saga).bind(most).fetch_all(pool).await
}

/// Its first and its last entries, in the order of the journal, the bodies up to `bytes` each.
pub(crate) async fn edges(pool: &PgPool, saga: Uuid, bytes: i32) -> Result<Vec<Row>, sqlx::Error> {
    let edges = format!(
        "select {COLUMNS}, substr(body, 1, $2) as body from console.entry where saga = $1 and ( \
             place in (select place from console.entry where saga = $1 order by place limit $3) \
             or place in (select place from console.entry where saga = $1 order by place desc limit $3)) \
         order by place"
    );
    let edge = i64::try_from(EDGE).unwrap_or(i64::MAX);
    sqlx::query_as(AssertSqlSafe(edges)).bind(saga).bind(bytes).bind(edge).fetch_all(pool).await
}

/// Its business keys.
pub(crate) async fn keys(pool: &PgPool, saga: Uuid) -> Result<Vec<(String, String)>, sqlx::Error> {
    let all = "select name, value from console.key where saga = $1 order by name, value limit 50";
    sqlx::query_as(all).bind(saga).fetch_all(pool).await
}
