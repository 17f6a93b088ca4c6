//! Counts and times of events, for Now and Events: by minute, with one row for all earlier ones.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, PgPool};

pub(crate) type Flow = BTreeMap<(Timestamp, String), (i64, Timestamp)>;

/// The page Now shows the last minute.
const MINUTES_KEPT: SignedDuration = SignedDuration::from_hours(1);

pub(crate) fn minute(at: Timestamp) -> Timestamp {
    let seconds = at.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap_or(at)
}

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

/// Returns the events of roughly the last 60 seconds, by type.
pub(crate) async fn rates(
    pool: &PgPool,
    now: Timestamp,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let this = minute(now);
    let before = this.checked_sub(SignedDuration::from_mins(1)).unwrap_or(this);
    // The rest comes from the minute before.
    let missing = 60 - now.duration_since(this).as_secs().clamp(0, 60);
    sqlx::query_as(
        "select type, sum(case when minute = $1 then count else count * $3 / 60 end)::bigint as rate \
         from console.flow where minute in ($1, $2) group by type \
         having sum(case when minute = $1 then count else count * $3 / 60 end) > 0",
    )
    .bind(this.to_sqlx())
    .bind(before.to_sqlx())
    .bind(missing)
    .fetch_all(pool)
    .await
}

/// Adds old minutes to the row of all earlier ones.
pub(crate) async fn fold_old(db: &mut PgConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    let before = now.checked_sub(MINUTES_KEPT).unwrap_or(now);
    sqlx::query(
        "with old as (delete from console.flow where minute < $1 and minute > '-infinity' returning *) \
         insert into console.flow as f (minute, type, count, last_at) \
         select '-infinity', type, sum(count), max(last_at) from old group by type \
         on conflict (minute, type) do update set count = f.count + excluded.count, \
             last_at = greatest(f.last_at, excluded.last_at)",
    )
    .bind(before.to_sqlx())
    .execute(db)
    .await
    .map(drop)
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
    async fn what_is_old_is_kept_as_what_was_ever_seen() {
        let servers = Servers::shared().await.expect("servers");
        let database = Database::new(servers.postgres(), "console_flow").await.expect("one");
        let pool = prepare(database.url().parse().expect("a URL")).await.expect("tables");
        let mut db = pool.acquire().await.expect("a session");
        let now = Clock::system().now();
        let times = [now, now - 3.minutes(), now - 5.hours(), now - 300.hours()];
        let seen = |at: &Timestamp| ((minute(*at), "a.done.v1".to_owned()), (1, *at));
        // Late counts are added.
        for round in 1..=2 {
            add(&mut db, &times.iter().map(seen).collect()).await.expect("added");
            fold_old(&mut db, now).await.expect("folded");
            let kept = "select count from console.flow order by minute";
            let kept: Vec<i64> = sqlx::query_scalar(kept).fetch_all(&mut *db).await.expect("rows");
            assert_eq!(kept, [2 * round, round, round]);
        }
        let types = types(&pool).await.expect("types");
        let [seen] = &types[..] else { panic!("{types:?}") };
        assert_eq!((seen.count, seen.last.as_second()), (8, now.as_second()));
    }
}
