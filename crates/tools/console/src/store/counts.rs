//! Numbers of sagas and entries for the page Now.

use std::collections::BTreeMap;

use ballet_ops::sagas::SagaState;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, PgPool};

use crate::store::saga_row::STATE;

#[derive(Debug, Clone)]
pub(crate) struct CauseGroup {
    pub(crate) state: SagaState,
    pub(crate) service: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) count: i64,
    pub(crate) since: Option<Timestamp>,
    /// One saga's wait, and one's error.
    pub(crate) what: Option<String>,
    pub(crate) detail: Option<String>,
}

/// Returns the open sagas by place and cause. Those that need a person come first.
pub(crate) async fn causes(pool: &PgPool, away: &[String]) -> Result<Vec<CauseGroup>, sqlx::Error> {
    type At = jiff_sqlx::Timestamp;
    type Columns = (
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
        i64,
        Option<At>,
        Option<String>,
        Option<String>,
    );
    // The texts of one saga per group are looked up last: comparing all takes longer than counting.
    let statement = format!(
        "with cause as (select state, service, step, reason, cause, count(*) as count, min(since) as since \
             from (select *, {STATE} as state from console.saga where ended is null) as s \
             group by state, service, step, reason, cause \
             order by array_position(array['stuck','blocked','waiting'], state), count(*) desc limit 200) \
         select cause.*, first.what, left(first.detail, 300) from cause left join lateral ( \
             select what, detail from console.saga as s where ended is null and s.since = cause.since \
                 and (s.service, s.step, s.reason, s.cause) is not distinct from \
                     (cause.service, cause.step, cause.reason, cause.cause) limit 1) as first on true \
         order by array_position(array['stuck','blocked','waiting'], state), count desc"
    );
    let causes: Vec<Columns> =
        sqlx::query_as(AssertSqlSafe(statement)).bind(away).fetch_all(pool).await?;
    let cause =
        |(state, service, step, reason, cause, count, since, what, detail): Columns| CauseGroup {
            state: SagaState::parse(&state).unwrap_or(SagaState::Waiting),
            since: since.map(At::to_jiff),
            service,
            step,
            reason,
            cause,
            count,
            what,
            detail,
        };
    Ok(causes.into_iter().map(cause).collect())
}

#[derive(Debug, Clone)]
pub(crate) struct SeenType {
    pub(crate) name: String,
    pub(crate) count: i64,
    pub(crate) last: Timestamp,
}

pub(crate) async fn types(pool: &PgPool) -> Result<Vec<SeenType>, sqlx::Error> {
    let all = "select type, sum(count)::bigint, max(last_at) from console.flow \
               group by type order by type limit 5000";
    let all: Vec<(String, i64, jiff_sqlx::Timestamp)> = sqlx::query_as(all).fetch_all(pool).await?;
    let seen =
        all.into_iter().map(|(name, count, last)| SeenType { name, count, last: last.to_jiff() });
    Ok(seen.collect())
}

/// Completed and aborted sagas, in the hour before this time.
pub(crate) async fn ended(pool: &PgPool, before: Timestamp) -> Result<(i64, i64), sqlx::Error> {
    let last = "select count(*) filter (where ended = 'completed'), count(*) filter (where ended = 'aborted') \
                from console.saga where ended is not null and last_at > $1 - interval '1 hour' and last_at <= $1";
    sqlx::query_as(last).bind(before.to_sqlx()).fetch_one(pool).await
}

pub(crate) async fn open(pool: &PgPool) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let open = "select name, count(*) from console.saga, unnest(names) as name \
                where ended is null group by name order by name";
    sqlx::query_as(open).fetch_all(pool).await
}

/// Per service, the longest wait of an open saga.
pub(crate) async fn oldest(pool: &PgPool) -> Result<BTreeMap<String, Timestamp>, sqlx::Error> {
    let oldest = "select service, min(since) from console.saga \
                  where ended is null and service is not null and since is not null group by service";
    let oldest: Vec<(String, jiff_sqlx::Timestamp)> =
        sqlx::query_as(oldest).fetch_all(pool).await?;
    Ok(oldest.into_iter().map(|(service, since)| (service, since.to_jiff())).collect())
}

#[derive(Debug, Clone)]
pub(crate) struct JournalProgress {
    pub(crate) entry_at: Option<Timestamp>,
    pub(crate) gaps: Vec<String>,
}

pub(crate) async fn progress(pool: &PgPool) -> Result<JournalProgress, sqlx::Error> {
    let entry_at: Option<jiff_sqlx::Timestamp> =
        sqlx::query_scalar("select entry_at from console.progress").fetch_one(pool).await?;
    let gaps = "select what from console.gap order by at desc limit 3";
    let gaps = sqlx::query_scalar(gaps).fetch_all(pool).await?;
    Ok(JournalProgress { entry_at: entry_at.map(jiff_sqlx::Timestamp::to_jiff), gaps })
}
