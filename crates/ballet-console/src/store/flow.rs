//! How often what was seen, for each minute: what the page of what happens counts, and what was covered.

use std::collections::BTreeMap;

use ballet_ops::coverage::{Seen, Sight, Sightings};
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, PgPool};

/// What was seen in one batch: the minute, what it was, of which service, and the event's type.
pub(crate) type Flow = BTreeMap<(Timestamp, Sight, String, String), (i64, Timestamp)>;

const PUBLISHED: &str = "published";
const RETRIED: &str = "retried";

/// The minute that a time is in.
pub(crate) fn minute(at: Timestamp) -> Timestamp {
    let seconds = at.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap_or(at)
}

const fn word(sight: Sight) -> &'static str {
    match sight {
        Sight::Published => PUBLISHED,
        Sight::Retried => RETRIED,
    }
}

/// Adds what a batch shows.
pub(crate) async fn add(db: &mut PgConnection, flow: &Flow) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into console.flow as f (minute, what, service, type, count, last_at) \
         select * from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::bigint[], \
             $6::timestamptz[]) \
         on conflict (minute, what, service, type) do update set count = f.count + excluded.count, \
             last_at = greatest(f.last_at, excluded.last_at)",
    )
    .bind(flow.keys().map(|(minute, ..)| minute.to_sqlx()).collect::<Vec<_>>())
    .bind(flow.keys().map(|(_, sight, ..)| word(*sight)).collect::<Vec<_>>())
    .bind(flow.keys().map(|(_, _, service, _)| &**service).collect::<Vec<_>>())
    .bind(flow.keys().map(|(.., event)| &**event).collect::<Vec<_>>())
    .bind(flow.values().map(|(count, _)| *count).collect::<Vec<_>>())
    .bind(flow.values().map(|(_, last)| last.to_sqlx()).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}

/// All that was seen since then.
pub(crate) async fn sightings(pool: &PgPool, since: Timestamp) -> Result<Sightings, sqlx::Error> {
    let rows: Vec<(String, String, String, i64, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "select what, service, type, sum(count)::bigint, max(last_at) from console.flow \
         where minute >= $1 group by what, service, type",
    )
    .bind(minute(since).to_sqlx())
    .fetch_all(pool)
    .await?;
    let mut sightings = Sightings::default();
    for (what, service, event, count, last) in rows {
        let sight = if what == PUBLISHED { Sight::Published } else { Sight::Retried };
        let seen =
            Seen { count: u64::try_from(count).unwrap_or_default(), last: Some(last.to_jiff()) };
        sightings.add(sight, &service, &event, seen);
    }
    Ok(sightings)
}

/// The events in a minute, by type: those of the minute that is chosen, or about those of the last 60 seconds.
pub(crate) async fn rates(
    pool: &PgPool,
    chosen: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let (this, before) = match chosen {
        Some(chosen) => (minute(chosen), None),
        None => (minute(now), minute(now).checked_sub(SignedDuration::from_mins(1)).ok()),
    };
    // Of the minute before as much as is missing in this one.
    let missing = 60 - now.duration_since(this).as_secs().clamp(0, 60);
    sqlx::query_as(
        "select type, sum(case when minute = $1 then count else count * $3 / 60 end)::bigint as rate \
         from console.flow where what = 'published' and minute in ($1, $2) group by type \
         having sum(case when minute = $1 then count else count * $3 / 60 end) > 0",
    )
    .bind(this.to_sqlx())
    .bind(before.unwrap_or(this).to_sqlx())
    .bind(missing)
    .fetch_all(pool)
    .await
}

/// The events of each minute since then. A minute without one is left out.
pub(crate) async fn minutes(
    pool: &PgPool,
    since: Timestamp,
) -> Result<Vec<(Timestamp, i64)>, sqlx::Error> {
    let rows: Vec<(jiff_sqlx::Timestamp, i64)> = sqlx::query_as(
        "select minute, sum(count)::bigint from console.flow \
         where what = 'published' and minute >= $1 group by minute order by minute",
    )
    .bind(minute(since).to_sqlx())
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|(minute, count)| (minute.to_jiff(), count)).collect())
}

/// Forgets what is older than this.
pub(crate) async fn drop_old(db: &mut PgConnection, floor: Timestamp) -> Result<(), sqlx::Error> {
    let old = "delete from console.flow where minute < $1";
    sqlx::query(old).bind(floor.to_sqlx()).execute(db).await.map(drop)
}
