//! All that is known of one saga.

use sqlx::PgPool;
use uuid::Uuid;

use crate::store::row::Row;

/// The most entries that a page shows. One of a saga of hours has as many; later ones are left out.
pub(crate) const MOST: i64 = 2_000;

/// Its entries, in the order of the journal, the bodies up to `bytes` each.
pub(crate) async fn entries(
    pool: &PgPool,
    saga: Uuid,
    bytes: i32,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as(
        "select place, at, kind, saga, type, service, message_id, cause, handler, reason, detail, \
             attempts, who, why, substr(body, 1, $2) as body, size \
         from console.entry where saga = $1 order by place limit $3",
    )
    .bind(saga)
    .bind(bytes)
    .bind(MOST)
    .fetch_all(pool)
    .await
}

/// Its business keys.
pub(crate) async fn keys(pool: &PgPool, saga: Uuid) -> Result<Vec<(String, String)>, sqlx::Error> {
    let all = "select name, value from console.key where saga = $1 order by name, value limit 50";
    sqlx::query_as(all).bind(saga).fetch_all(pool).await
}
