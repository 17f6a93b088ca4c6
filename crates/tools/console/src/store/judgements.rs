//! Judgements: the sagas changed since theirs, their entries, and new judgements.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::store::entry_row::{COLUMNS, EntryRow};

/// The state of a saga, except for what changes with time.
#[derive(Debug)]
pub(crate) struct Judgement<'a> {
    pub(crate) saga: Uuid,
    pub(crate) names: Vec<&'static str>,
    pub(crate) began: Timestamp,
    pub(crate) last: &'a EntryRow,
    /// `completed` or `aborted`.
    pub(crate) ended: Option<&'static str>,
    pub(crate) waits: OpenWait,
}

#[derive(Debug, Default)]
pub(crate) struct OpenWait {
    pub(crate) service: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) what: Option<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) due: Option<Timestamp>,
    pub(crate) is_dead: bool,
    pub(crate) reason: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) detail: Option<String>,
}

/// A saga with more entries is judged by some of them: it would keep all others from being judged.
pub(crate) const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct ChangedSagas {
    pub(crate) taken: i64,
    pub(crate) sagas: BTreeMap<Uuid, Vec<EntryRow>>,
}

/// If the transaction fails, the changes stay. Entries added meanwhile make a new one.
pub(crate) async fn take_changed(
    db: &mut PgConnection,
    most: i64,
) -> Result<ChangedSagas, sqlx::Error> {
    let taken: Vec<Uuid> = sqlx::query_scalar(
        "delete from console.changed where ctid = any(array( \
             select ctid from console.changed limit $1 for update skip locked)) returning saga",
    )
    .bind(most)
    .fetch_all(&mut *db)
    .await?;
    if taken.is_empty() {
        return Ok(ChangedSagas::default());
    }
    let rows = format!(
        "select own.* from (select distinct unnest($1::uuid[]) as id) as changed, lateral ( \
             select {COLUMNS}, ''::bytea as body from console.entry where saga = changed.id limit $2) as own \
         order by place, member"
    );
    let rows: Vec<EntryRow> = sqlx::query_as(AssertSqlSafe(rows))
        .bind(&taken)
        .bind(i64::try_from(MOST).unwrap_or(i64::MAX))
        .fetch_all(&mut *db)
        .await?;
    let mut sagas: BTreeMap<Uuid, Vec<EntryRow>> = BTreeMap::new();
    for row in rows {
        if let Some(saga) = row.saga {
            sagas.entry(saga).or_default().push(row);
        }
    }
    Ok(ChangedSagas { taken: i64::try_from(taken.len()).unwrap_or(most), sagas })
}

/// An open saga stays open if its last entries end it, but its first ones were dropped: they may hide a wait. The ledgers
/// are asked soon.
pub(crate) async fn write(
    db: &mut PgConnection,
    judged: &[Judgement<'_>],
) -> Result<(), sqlx::Error> {
    macro_rules! column {
        ($of:expr) => {
            judged.iter().map($of).collect::<Vec<_>>()
        };
    }
    sqlx::query(
        "insert into console.saga as s (id, names, began, last_at, last_type, last_place, ended, service, \
             step, what, since, due, is_dead, reason, cause, detail) \
         select id, string_to_array(names, ','), began, last_at, last_type, last_place, ended, service, \
             step, what, since, due, is_dead, reason, cause, detail \
         from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], \
             $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[], \
             $12::timestamptz[], $13::boolean[], $14::text[], $15::text[], $16::text[]) \
             as j (id, names, began, last_at, last_type, last_place, ended, service, step, what, since, \
             due, is_dead, reason, cause, detail) \
         on conflict (id) do update set \
             names = case when s.began < excluded.began or cardinality(excluded.names) = 0 \
                 then s.names else excluded.names end, \
             began = least(s.began, excluded.began), last_at = excluded.last_at, \
             last_type = excluded.last_type, last_place = excluded.last_place, \
             ended = case when s.ended is null and s.began < excluded.began then null \
                 else excluded.ended end, service = excluded.service, step = excluded.step, \
             what = excluded.what, since = excluded.since, \
             due = case when s.ended is null and s.began < excluded.began and excluded.ended is not null \
                 then now() else excluded.due end, asked_at = null, \
             is_dead = excluded.is_dead, reason = excluded.reason, cause = excluded.cause, \
             detail = excluded.detail \
         where s.last_place <= excluded.last_place",
    )
    .bind(column!(|one| one.saga))
    .bind(column!(|one| one.names.join(",")))
    .bind(column!(|one| one.began.to_sqlx()))
    .bind(column!(|one| one.last.at.to_sqlx()))
    .bind(column!(|one| &*one.last.event_type))
    .bind(column!(|one| one.last.place))
    .bind(column!(|one| one.ended))
    .bind(column!(|one: &Judgement<'_>| one.waits.service.as_deref()))
    .bind(column!(|one: &Judgement<'_>| one.waits.step.as_deref()))
    .bind(column!(|one: &Judgement<'_>| one.waits.what.as_deref()))
    .bind(column!(|one: &Judgement<'_>| one.waits.since.map(ToSqlx::to_sqlx)))
    .bind(column!(|one: &Judgement<'_>| one.waits.due.map(ToSqlx::to_sqlx)))
    .bind(column!(|one| one.waits.is_dead))
    .bind(column!(|one: &Judgement<'_>| one.waits.reason.as_deref()))
    .bind(column!(|one: &Judgement<'_>| one.waits.cause.as_deref()))
    .bind(column!(|one: &Judgement<'_>| one.waits.detail.as_deref()))
    .execute(db)
    .await
    .map(drop)
}
