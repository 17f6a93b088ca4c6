//! Permits of a rate, taken from the window that all gateways share.

use sqlx::PgPool;

use crate::config::file::Rate;

/// A gateway's request for permits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaseRequest<'a> {
    pub(crate) rate: &'a str,
    pub(crate) client: &'a str,
    pub(crate) requests: i32,
    pub(crate) window_seconds: i32,
    /// The most permits that are leased at once.
    pub(crate) most: i32,
}

/// The leased permits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) granted: i32,
    /// The permits that are left in the window for all gateways.
    pub(crate) left: i32,
    /// The time until the window ends.
    pub(crate) seconds: f64,
}

/// Leases at most a quarter of the rest, so that few permits lie unused elsewhere when the window is nearly used up.
/// The window never goes back, although a statement that waited may have an older time. A row further ahead than a
/// statement can wait comes from a wrong clock, and is ignored.
const LEASE: &str = "
    with clock as (select extract(epoch from now())::float8 as at),
    current as (select floor(at / $4)::bigint * $4 as start, at from clock)
    insert into gateway.rate_window as w (rate, client, window_start, taken, granted)
    select $1, $2, start, lease, lease
    from current, (select least($3, greatest(1, least($5, $3 / 4))) as lease) as first
    on conflict (rate, client) do update set (window_start, taken, granted) = (
        select start, before + lease, lease
        from (select w.window_start between excluded.window_start
                and excluded.window_start + greatest($4, 60) as same) as s,
            lateral (select case when same then w.window_start else excluded.window_start end as start,
                case when same then w.taken else 0 end as before) as b,
            lateral (select greatest(0, $3 - before) as free) as f,
            lateral (select least(free, greatest(1, least($5, free / 4))) as lease) as l)
    returning granted, greatest(0, $3 - taken) as left,
        (select (start + $4 - at)::float8 from current) as seconds";

/// Leases permits. They count as used from then on.
pub(crate) async fn lease(pool: &PgPool, ask: LeaseRequest<'_>) -> Result<Lease, sqlx::Error> {
    let (granted, left, seconds) = sqlx::query_as(LEASE)
        .bind(ask.rate)
        .bind(ask.client)
        .bind(ask.requests)
        .bind(ask.window_seconds)
        .bind(ask.most)
        .fetch_one(pool)
        .await?;
    Ok(Lease { granted, left, seconds })
}

/// A row is removed a minute late, since a statement that waited takes permits of a window that is over. A rate of
/// another gateway's config counts with the longest possible window. Rows that another gateway uses right now are
/// skipped.
const REMOVE_OLD: &str = "
    delete from gateway.rate_window where (rate, client) in (
        select rate, client from gateway.rate_window as w
            left join unnest($1::text[], $2::integer[]) as known (rate, seconds) using (rate)
        where window_start + coalesce(seconds, 366 * 86400) < extract(epoch from now()) - 60
        limit $3 for update of w skip locked)";

/// Removes the rows of past windows. Returns how many.
pub(crate) async fn remove_old(
    pool: &PgPool,
    rates: &[Rate],
    most: u32,
) -> Result<u64, sqlx::Error> {
    let names: Vec<&str> = rates.iter().map(|rate| &*rate.name).collect();
    let seconds = rates.iter().map(|rate| i32::try_from(rate.window.0.as_secs()));
    let seconds: Vec<i32> = seconds.map(|seconds| seconds.unwrap_or(i32::MAX)).collect();
    let query = sqlx::query(REMOVE_OLD).bind(names).bind(seconds).bind(i64::from(most));
    Ok(query.execute(pool).await?.rows_affected())
}
