//! Requests with an `Idempotency-Key`, and their answers.

use std::time::Duration;

use sqlx::PgPool;

use crate::http::wall_clock::unix_seconds;

/// Clients do not see each other's keys.
#[derive(Debug, Clone)]
pub(crate) struct RequestKey {
    pub(crate) client: String,
    pub(crate) key: String,
    pub(crate) attempt: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct StoredAnswer {
    pub(crate) status: i32,
    pub(crate) headers: String,
    /// `None` if it was too large.
    pub(crate) body: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) enum KeyState {
    /// This attempt makes the request.
    New,
    /// Used for another request.
    Other,
    /// A gateway was given the request.
    Running,
    /// The gateway died, or got no answer.
    Unknown,
    Answered(StoredAnswer),
}

/// Whether it is this attempt's, whether the request is the same, whether the lease lasts, status, headers, body.
type KeyRow = (bool, bool, bool, Option<i32>, Option<String>, Option<Vec<u8>>);

/// A key expires when the database's clock and the gateway's own say so.
const BEGIN: &str = "
    with mine as (
        insert into gateway.idempotent_request as r
            (client, key, fingerprint, attempt, lease_until, expires_at)
        values ($1, $2, $3, $4, now() + $5 * interval '1 second',
            greatest(now(), to_timestamp($8::bigint)) + $6 * interval '1 second')
        on conflict (client, key) do update set
            fingerprint = excluded.fingerprint, attempt = excluded.attempt,
            lease_until = excluded.lease_until, expires_at = excluded.expires_at,
            status = null, headers = null, body = null
        where r.expires_at <= least(now(), to_timestamp($8::bigint))
            or ($7 and r.status is null and r.fingerprint = excluded.fingerprint)
        returning 1
    )
    select true as mine, true as same, true as lasts,
        null::integer as status, null::text as headers, null::bytea as body
    from mine
    union all
    select false, fingerprint = $3, lease_until > now(),
        status, headers, body
    from gateway.idempotent_request
    where client = $1 and key = $2 and not exists (select from mine)";

/// `again` takes over a request without an answer from another attempt, as its service recognises the key.
pub(crate) async fn begin(
    pool: &PgPool,
    key: &RequestKey,
    fingerprint: &[u8],
    lease: Duration,
    kept_for: Duration,
    again: bool,
) -> Result<KeyState, sqlx::Error> {
    for _ in 0..5 {
        let row: Option<KeyRow> = sqlx::query_as(BEGIN)
            .bind(&key.client)
            .bind(&key.key)
            .bind(fingerprint)
            .bind(key.attempt)
            .bind(lease.as_secs_f64())
            .bind(kept_for.as_secs_f64())
            .bind(again)
            .bind(unix_seconds())
            .fetch_optional(pool)
            .await?;
        // Another transaction's new row conflicts, but is not visible yet.
        let Some(row) = row else { continue };
        return Ok(match row {
            (true, ..) => KeyState::New,
            (_, false, ..) => KeyState::Other,
            (.., Some(status), headers, body) => KeyState::Answered(StoredAnswer {
                status,
                headers: headers.unwrap_or_default(),
                body,
            }),
            (_, _, true, ..) => KeyState::Running,
            _ => KeyState::Unknown,
        });
    }
    Ok(KeyState::Running)
}

pub(crate) async fn save_answer(
    pool: &PgPool,
    key: &RequestKey,
    answer: &StoredAnswer,
) -> Result<(), sqlx::Error> {
    let statement = "update gateway.idempotent_request set status = $4, headers = $5, body = $6 \
                     where client = $1 and key = $2 and attempt = $3";
    let query = sqlx::query(statement).bind(&key.client).bind(&key.key).bind(key.attempt);
    query.bind(answer.status).bind(&answer.headers).bind(&answer.body).execute(pool).await.map(drop)
}

/// Never sent.
pub(crate) async fn forget_unsent(pool: &PgPool, key: &RequestKey) -> Result<(), sqlx::Error> {
    let statement = "delete from gateway.idempotent_request \
                     where client = $1 and key = $2 and attempt = $3 and status is null";
    let query = sqlx::query(statement).bind(&key.client).bind(&key.key).bind(key.attempt);
    query.execute(pool).await.map(drop)
}

/// So that nobody waits for its lease.
pub(crate) async fn end_without_answer(pool: &PgPool, key: &RequestKey) -> Result<(), sqlx::Error> {
    let statement = "update gateway.idempotent_request set lease_until = now() \
                     where client = $1 and key = $2 and attempt = $3 and status is null";
    let query = sqlx::query(statement).bind(&key.client).bind(&key.key).bind(key.attempt);
    query.execute(pool).await.map(drop)
}

/// Skips keys that another gateway uses or removes now.
const REMOVE_OLD: &str = "
    delete from gateway.idempotent_request where (client, key) in (
        select client, key from gateway.idempotent_request
        where expires_at < least(now(), to_timestamp($2::bigint))
        limit $1 for update skip locked)";

/// Expired ones. Returns their number.
pub(crate) async fn remove_old(pool: &PgPool, most: u32) -> Result<u64, sqlx::Error> {
    let remove = sqlx::query(REMOVE_OLD).bind(i64::from(most)).bind(unix_seconds());
    Ok(remove.execute(pool).await?.rows_affected())
}
