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
    /// Too many entries to judge. An ended saga stays ended.
    pub(crate) is_too_long: bool,
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

/// A saga with more entries would keep all others from being judged.
pub(crate) const MOST: usize = 10_000;
const TOGETHER: usize = 100_000;

#[derive(Debug, Default)]
pub(crate) struct ChangedSagas {
    pub(crate) taken: i64,
    pub(crate) sagas: BTreeMap<Uuid, Vec<EntryRow>>,
    /// The last entry of each saga with too many.
    pub(crate) too_long: BTreeMap<Uuid, EntryRow>,
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
    let counts: Vec<(Uuid, i64)> = sqlx::query_as(
        "select saga, (select count(*) from ( \
             select from console.entry as e where e.saga = changed.saga limit $2) as own) \
         from (select distinct unnest($1::uuid[]) as saga) as changed",
    )
    .bind(&taken)
    .bind(i64::try_from(MOST + 1).unwrap_or(i64::MAX))
    .fetch_all(&mut *db)
    .await?;
    let (mut now, mut later, mut too_long, mut together) = (vec![], vec![], vec![], 0);
    for (saga, count) in counts {
        let count = usize::try_from(count).unwrap_or_default();
        if count > MOST {
            too_long.push(saga);
        } else if together + count > TOGETHER {
            later.push(saga);
        } else {
            together += count;
            now.push(saga);
        }
    }
    if !later.is_empty() {
        let again = "insert into console.changed (saga) select unnest($1::uuid[])";
        sqlx::query(again).bind(later).execute(&mut *db).await?;
    }
    let rows = format!(
        "select {COLUMNS}, ''::bytea as body from console.entry where saga = any($1) order by place, member"
    );
    let rows: Vec<EntryRow> =
        sqlx::query_as(AssertSqlSafe(rows)).bind(&now).fetch_all(&mut *db).await?;
    let mut sagas: BTreeMap<Uuid, Vec<EntryRow>> = BTreeMap::new();
    for row in rows {
        if let Some(saga) = row.saga {
            sagas.entry(saga).or_default().push(row);
        }
    }
    Ok(ChangedSagas {
        taken: i64::try_from(taken.len()).unwrap_or(most),
        sagas,
        too_long: last_of(db, &too_long).await?,
    })
}

async fn last_of(
    db: &mut PgConnection,
    sagas: &[Uuid],
) -> Result<BTreeMap<Uuid, EntryRow>, sqlx::Error> {
    let last = format!(
        "select {COLUMNS}, ''::bytea as body from console.entry where saga = $1 order by place desc, member desc limit 1"
    );
    let mut all = BTreeMap::new();
    for saga in sagas {
        let last = sqlx::query_as(AssertSqlSafe(last.clone())).bind(saga);
        all.extend(last.fetch_optional(&mut *db).await?.map(|last| (*saga, last)));
    }
    Ok(all)
}

pub(crate) async fn write(
    db: &mut PgConnection,
    judged: &[Judgement<'_>],
) -> Result<(), sqlx::Error> {
    let too_long: Vec<&Judgement<'_>> = judged.iter().filter(|one| one.is_too_long).collect();
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
             ended = excluded.ended, service = excluded.service, step = excluded.step, \
             what = excluded.what, since = excluded.since, due = excluded.due, asked_at = null, \
             is_dead = excluded.is_dead, reason = excluded.reason, cause = excluded.cause, \
             detail = excluded.detail \
         where s.last_place <= excluded.last_place \
             and not (s.ended is null and s.began < excluded.began and excluded.ended is not null) \
             and not (s.ended is not null and s.id = any($17))",
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
    .bind(too_long.iter().map(|one| one.saga).collect::<Vec<_>>())
    .execute(&mut *db)
    .await?;
    keep_ended(db, &too_long).await?;
    keep_open(db, judged).await
}

/// They had ended before they had too many entries, and nothing says that they began again.
async fn keep_ended(db: &mut PgConnection, too_long: &[&Judgement<'_>]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update console.saga as s set last_at = j.last_at, last_type = j.last_type, \
             last_place = j.last_place \
         from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::bigint[]) \
             as j (id, last_at, last_type, last_place) \
         where s.id = j.id and s.ended is not null and s.last_place <= j.last_place",
    )
    .bind(too_long.iter().map(|one| one.saga).collect::<Vec<_>>())
    .bind(too_long.iter().map(|one| one.last.at.to_sqlx()).collect::<Vec<_>>())
    .bind(too_long.iter().map(|one| &*one.last.event_type).collect::<Vec<_>>())
    .bind(too_long.iter().map(|one| one.last.place).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}

/// Their last entries end them, but dropped first ones may hide a wait. The ledgers are asked soon.
async fn keep_open(db: &mut PgConnection, judged: &[Judgement<'_>]) -> Result<(), sqlx::Error> {
    let ended: Vec<&Judgement<'_>> = judged.iter().filter(|one| one.ended.is_some()).collect();
    sqlx::query(
        "update console.saga as s set last_at = j.last_at, last_type = j.last_type, \
             last_place = j.last_place, due = now(), asked_at = null, is_dead = false, reason = null, \
             cause = null, detail = null \
         from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::bigint[]) \
             as j (id, began, last_at, last_type, last_place) \
         where s.id = j.id and s.ended is null and s.began < j.began and s.last_place <= j.last_place",
    )
    .bind(ended.iter().map(|one| one.saga).collect::<Vec<_>>())
    .bind(ended.iter().map(|one| one.began.to_sqlx()).collect::<Vec<_>>())
    .bind(ended.iter().map(|one| one.last.at.to_sqlx()).collect::<Vec<_>>())
    .bind(ended.iter().map(|one| &*one.last.event_type).collect::<Vec<_>>())
    .bind(ended.iter().map(|one| one.last.place).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}
