//! Counts and times of events, for the page Now and for coverage. Older counts are coarser: minutes become hours, and
//! hours become one row for all time.

use std::collections::BTreeMap;

use ballet_ops::coverage::{SightingCount, Sightings};
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

/// The counts of one batch: by minute and event type.
pub(crate) type Flow = BTreeMap<(Timestamp, String), (i64, Timestamp)>;

/// The time for which minutes are stored. The pages show those of an hour.
const MINUTES_KEPT: SignedDuration = SignedDuration::from_hours(2);

/// Returns the minute that a time is in.
pub(crate) fn minute(at: Timestamp) -> Timestamp {
    let seconds = at.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap_or(at)
}

/// Adds the counts of a batch.
pub(crate) async fn add(db: &mut PgConnection, flow: &Flow) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into console.flow as f (minute, type, count, last_at) \
         select * from unnest($1::timestamptz[], $2::text[], $3::bigint[], $4::timestamptz[]) \
         on conflict (minute, type) do update set count = f.count + excluded.count, \
             last_at = greatest(f.last_at, excluded.last_at)",
    )
    .bind(flow.keys().map(|(minute, _)| minute.to_sqlx()).collect::<Vec<_>>())
    .bind(flow.keys().map(|(_, event)| &**event).collect::<Vec<_>>())
    .bind(flow.values().map(|(count, _)| *count).collect::<Vec<_>>())
    .bind(flow.values().map(|(_, last)| last.to_sqlx()).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}

/// Returns all sightings since a time, or ever. The hour of that time counts as a whole.
pub(crate) async fn sightings(
    pool: &PgPool,
    since: Option<Timestamp>,
) -> Result<Sightings, sqlx::Error> {
    let rows: Vec<(String, i64, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "select type, sum(count)::bigint, max(last_at) from console.flow \
         where $1 is null or minute >= $1 \
             or (minute >= date_trunc('hour', $1, 'UTC') and $1 < now() - $2 * interval '1 second') \
         group by type",
    )
    .bind(since.map(|since| minute(since).to_sqlx()))
    .bind(MINUTES_KEPT.as_secs())
    .fetch_all(pool)
    .await?;
    let mut sightings = Sightings::default();
    for (event, count, last) in rows {
        let seen = SightingCount {
            count: u64::try_from(count).unwrap_or_default(),
            last: Some(last.to_jiff()),
        };
        sightings.add(&event, seen);
    }
    Ok(sightings)
}

/// Returns the events of a minute, by type: of the chosen minute, or roughly of the last 60 seconds.
pub(crate) async fn rates(
    pool: &PgPool,
    chosen: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let (this, before) = match chosen {
        Some(chosen) => (minute(chosen), None),
        None => (minute(now), minute(now).checked_sub(SignedDuration::from_mins(1)).ok()),
    };
    // The missing part of this minute is taken from the minute before.
    let missing = 60 - now.duration_since(this).as_secs().clamp(0, 60);
    sqlx::query_as(
        "select type, sum(case when minute = $1 then count else count * $3 / 60 end)::bigint as rate \
         from console.flow where minute in ($1, $2) group by type \
         having sum(case when minute = $1 then count else count * $3 / 60 end) > 0",
    )
    .bind(this.to_sqlx())
    .bind(before.unwrap_or(this).to_sqlx())
    .bind(missing)
    .fetch_all(pool)
    .await
}

/// Returns the events of each minute since a time. A minute without events is left out.
pub(crate) async fn minutes(
    pool: &PgPool,
    since: Timestamp,
) -> Result<Vec<(Timestamp, i64)>, sqlx::Error> {
    let rows: Vec<(jiff_sqlx::Timestamp, i64)> = sqlx::query_as(
        "select minute, sum(count)::bigint from console.flow \
         where minute >= $1 group by minute order by minute",
    )
    .bind(minute(since).to_sqlx())
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|(minute, count)| (minute.to_jiff(), count)).collect())
}

/// Turns old minutes into hours, and the counts from before `floor` into one row.
pub(crate) async fn fold_old(
    db: &mut PgConnection,
    now: Timestamp,
    floor: Timestamp,
) -> Result<(), sqlx::Error> {
    let minutes = now.checked_sub(MINUTES_KEPT).unwrap_or(now);
    fold(db, minutes, "date_trunc('hour', minute, 'UTC')").await?;
    fold(db, floor, "'-infinity'::timestamptz").await
}

/// Adds the counts from before a time to the rows at another time. `to` is an SQL expression of ours.
async fn fold(db: &mut PgConnection, before: Timestamp, to: &str) -> Result<(), sqlx::Error> {
    let statement = format!(
        "with old as (delete from console.flow where minute < $1 and minute > {to} returning *) \
         insert into console.flow as f (minute, type, count, last_at) \
         select {to}, type, sum(count), max(last_at) from old group by 1, 2 \
         on conflict (minute, type) do update set count = f.count + excluded.count, \
             last_at = greatest(f.last_at, excluded.last_at)"
    );
    sqlx::query(AssertSqlSafe(statement)).bind(before.to_sqlx()).execute(db).await.map(drop)
}

#[cfg(test)]
mod tests {
    use ballet::Clock;
    use ballet_stage::{Database, Servers};
    use jiff::ToSpan;

    use super::*;
    use crate::store::counts::types;
    use crate::store::prepare::prepare;

    #[tokio::test]
    async fn what_is_old_is_kept_by_the_hour_and_then_as_what_was_ever_seen() {
        let servers = Servers::shared().await.expect("servers");
        let database = Database::new(servers.postgres(), "console_flow").await.expect("one");
        let pool = prepare(database.url().parse().expect("a URL")).await.expect("tables");
        let mut db = pool.acquire().await.expect("a session");
        let now = Clock::system().now();
        let hour = |hours: i64| {
            let seconds = now.as_second() - hours * 3_600;
            Timestamp::from_second(seconds - seconds.rem_euclid(3_600)).expect("a time")
        };
        let times = [now, hour(5) + 7.minutes(), hour(5) + 8.minutes(), hour(200), hour(300)];
        let seen = |at: &Timestamp| ((minute(*at), "a.done.v1".to_owned()), (1, *at));
        let floor = now.checked_sub(SignedDuration::from_hours(7 * 24)).expect("a time");
        // Late counts are added to the existing ones.
        for round in 1..=2 {
            add(&mut db, &times.iter().map(seen).collect()).await.expect("added");
            fold_old(&mut db, now, floor).await.expect("folded");
            let kept = "select count from console.flow order by minute";
            let kept: Vec<i64> = sqlx::query_scalar(kept).fetch_all(&mut *db).await.expect("rows");
            assert_eq!(kept, [2 * round, 2 * round, round]);
        }
        assert_eq!(types(&pool).await.expect("types").first().map(|seen| seen.count), Some(10));
        for (since, expected) in [(None, 10), (Some(hour(5) + 30.minutes()), 6), (Some(hour(1)), 2)]
        {
            let sightings = sightings(&pool, since).await.expect("sightings");
            let mut wanted = Sightings::default();
            let last = Some(now).map(|at| Timestamp::from_microsecond(at.as_microsecond()));
            let last = last.and_then(Result::ok);
            wanted.add("a.done.v1", SightingCount { count: expected, last });
            assert_eq!(format!("{sightings:?}"), format!("{wanted:?}"), "since {since:?}");
        }
    }
}
