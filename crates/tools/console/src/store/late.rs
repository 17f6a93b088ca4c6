//! Sagas that look late by the journal, or that wait for long: an undo without an event is not in it.

use std::collections::BTreeMap;

use sqlx::PgPool;
use uuid::Uuid;

/// Sagas that are late or will be soon, then those that wait for half a minute, with the last entry's place: first those
/// never asked about, then those asked about longest ago. Sagas with a dead letter need a person anyway.
pub(crate) async fn next(pool: &PgPool, most: u16) -> Result<BTreeMap<Uuid, i64>, sqlx::Error> {
    let next: Vec<(Uuid, i64)> = sqlx::query_as(
        "update console.saga set asked_at = now() where id in ( \
             select id from console.saga where ended is null and not is_dead \
                 and (due < now() + interval '10 seconds' or since < now() - interval '30 seconds') \
                 and (asked_at is null or asked_at < now() - interval '1 minute') \
             order by due < now() + interval '10 seconds' desc, asked_at nulls first limit $1) \
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
