//! What was found of sagas: which are to be judged again, their entries, and how they stand.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgPool;
use uuid::Uuid;

use crate::store::row::Row;

/// How a saga stands, as far as time does not change it.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) saga: Uuid,
    /// The place up to which it was judged.
    pub(crate) place: i64,
    pub(crate) names: Vec<&'static str>,
    /// `completed` or `aborted`.
    pub(crate) ended: Option<&'static str>,
    /// What it waits for: the service, its step, and since when.
    pub(crate) service: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) what: Option<String>,
    pub(crate) since: Option<Timestamp>,
    /// From when on it is late.
    pub(crate) due: Option<Timestamp>,
    pub(crate) is_dead: bool,
    pub(crate) reason: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) detail: Option<String>,
}

/// A saga that has changed since it was judged.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// The place of its last entry. What came later is judged again.
    pub(crate) place: i64,
    /// All that is known of it, without the bodies.
    pub(crate) rows: Vec<Row>,
}

/// Some sagas that have changed since they were judged, the oldest change first.
pub(crate) async fn changed(
    pool: &PgPool,
    most: i64,
) -> Result<BTreeMap<Uuid, Changed>, sqlx::Error> {
    let places: Vec<(Uuid, i64)> = sqlx::query_as(
        "select id, last_place from console.saga where judged < last_place order by last_place limit $1",
    )
    .bind(most)
    .fetch_all(pool)
    .await?;
    let changed = places.into_iter().map(|(id, place)| (id, Changed { place, rows: Vec::new() }));
    let mut changed: BTreeMap<Uuid, Changed> = changed.collect();
    if changed.is_empty() {
        return Ok(changed);
    }
    let rows: Vec<Row> = sqlx::query_as(
        "select place, at, kind, saga, type, service, message_id, cause, handler, reason, detail, \
             attempts, who, why, ''::bytea as body, size \
         from console.entry where saga = any($1) order by place",
    )
    .bind(changed.keys().copied().collect::<Vec<_>>())
    .fetch_all(pool)
    .await?;
    for row in rows {
        if let Some(one) = row.saga.and_then(|saga| changed.get_mut(&saga)) {
            one.rows.push(row);
        }
    }
    Ok(changed)
}

/// Writes how these sagas stand. One that has changed meanwhile stays to be judged.
pub(crate) async fn write(pool: &PgPool, judged: &[Judged]) -> Result<(), sqlx::Error> {
    macro_rules! column {
        ($of:expr) => {
            judged.iter().map($of).collect::<Vec<_>>()
        };
    }
    sqlx::query(
        "update console.saga s set judged = j.place, names = string_to_array(j.names, ','), \
             ended = j.ended, service = j.service, step = j.step, what = j.what, since = j.since, \
             due = j.due, asked_at = null, is_dead = j.is_dead, reason = j.reason, \
             cause = j.cause, detail = j.detail \
         from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], \
             $7::text[], $8::timestamptz[], $9::timestamptz[], $10::boolean[], $11::text[], $12::text[], \
             $13::text[]) \
             as j (id, place, names, ended, service, step, what, since, due, is_dead, reason, cause, \
             detail) \
         where s.id = j.id and s.judged < j.place",
    )
    .bind(column!(|one| one.saga))
    .bind(column!(|one| one.place))
    .bind(column!(|one| one.names.join(",")))
    .bind(column!(|one| one.ended))
    .bind(column!(|one: &Judged| one.service.as_deref()))
    .bind(column!(|one: &Judged| one.step.as_deref()))
    .bind(column!(|one: &Judged| one.what.as_deref()))
    .bind(column!(|one: &Judged| one.since.map(ToSqlx::to_sqlx)))
    .bind(column!(|one: &Judged| one.due.map(ToSqlx::to_sqlx)))
    .bind(column!(|one| one.is_dead))
    .bind(column!(|one: &Judged| one.reason.as_deref()))
    .bind(column!(|one: &Judged| one.cause.as_deref()))
    .bind(column!(|one: &Judged| one.detail.as_deref()))
    .execute(pool)
    .await
    .map(drop)
}
