//! Sagas that look late, or over, by the journal.

use std::collections::{BTreeMap, BTreeSet};

use ballet_ops::sagas::{PATIENCE, SagaWait};
use jiff_sqlx::ToSqlx;
use sqlx::PgPool;
use uuid::Uuid;

/// Sagas that are late or will be soon, with the last entry's place: first those never asked about, then those asked
/// about longest ago. Sagas with a dead letter need a person anyway.
pub(crate) async fn next(pool: &PgPool, most: u16) -> Result<BTreeMap<Uuid, i64>, sqlx::Error> {
    let next: Vec<(Uuid, i64)> = sqlx::query_as(
        "update console.saga set asked_at = now() where id in ( \
             select id from console.saga where ended is null and not is_dead \
                 and due < now() + interval '10 seconds' \
                 and (asked_at is null or asked_at < now() - interval '1 minute') \
             order by asked_at nulls first limit $1) \
         returning id, last_place",
    )
    .bind(i64::from(most))
    .fetch_all(pool)
    .await?;
    Ok(next.into_iter().collect())
}

pub(crate) type EndedSaga = (Uuid, i64, &'static str);

/// Records that these sagas have ended, except those that have changed meanwhile.
pub(crate) async fn keep(pool: &PgPool, ended: &[EndedSaga]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update console.saga s set ended = e.ended, service = null, step = null, what = null, \
             since = null, due = null, reason = null, cause = null, detail = null \
         from unnest($1::uuid[], $2::bigint[], $3::text[]) as e (id, place, ended) \
         where s.id = e.id and s.last_place = e.place",
    )
    .bind(ended.iter().map(|(saga, ..)| *saga).collect::<Vec<_>>())
    .bind(ended.iter().map(|(_, place, _)| *place).collect::<Vec<_>>())
    .bind(ended.iter().map(|(.., ended)| *ended).collect::<Vec<_>>())
    .execute(pool)
    .await
    .map(drop)
}

pub(crate) async fn ended_among(
    pool: &PgPool,
    sagas: BTreeSet<Uuid>,
    most: u16,
) -> Result<BTreeMap<Uuid, i64>, sqlx::Error> {
    let ended =
        "select id, last_place from console.saga where ended is not null and id = any($1) limit $2";
    let sagas: Vec<Uuid> = sagas.into_iter().collect();
    let ended = sqlx::query_as(ended).bind(sagas).bind(i64::from(most)).fetch_all(pool).await?;
    Ok(ended.into_iter().collect())
}

/// Records that a saga still waits, unless it has changed meanwhile.
pub(crate) async fn reopen(
    pool: &PgPool,
    (saga, place): (Uuid, i64),
    wait: &SagaWait,
) -> Result<(), sqlx::Error> {
    let due = wait.since.checked_add(PATIENCE).unwrap_or(wait.since);
    sqlx::query(
        "update console.saga set ended = null, service = $3, step = $4, what = $5, since = $6, due = $7, \
             detail = $8, is_dead = $9 where id = $1 and last_place = $2",
    )
    .bind(saga)
    .bind(place)
    .bind(&wait.service)
    .bind(wait.step)
    .bind(&wait.what)
    .bind(wait.since.to_sqlx())
    .bind(due.to_sqlx())
    .bind(&wait.why)
    .bind(wait.is_dead)
    .execute(pool)
    .await
    .map(drop)
}
