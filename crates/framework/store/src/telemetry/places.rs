//! The place of each reader in each stream, and the lease on it.
//!
//! The holder of the lease reads. Each write names the epoch of the lease, so a frozen process
//! whose lease another took writes nothing. Leases go by the database's clock.

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::database::stored_text::storable;

/// How long a lease lasts without a sign of its holder.
pub const LEASE: Duration = Duration::from_secs(10);
const LEASE_SECONDS: f64 = 10.0;
/// How many seconds after the newest message one that was read may have been published, since times
/// are whole seconds, and publishers' messages come out of order.
const DISORDER: i64 = 2;

/// A stream that this process may read, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldStream {
    pub stream: String,
    pub epoch: i64,
    /// The offset of the next message. `None`: from the beginning, or from `begins_at`.
    pub next: Option<i64>,
    /// The time in seconds from which on it reads.
    pub begins_at: Option<i64>,
    /// The fingerprint of the message before.
    pub last_seen: Option<i64>,
    /// The time in seconds before which everything was read.
    pub read_until: Option<i64>,
}

/// The progress of a reader by one batch of a stream.
#[derive(Debug, Clone)]
pub struct Advance<'a> {
    pub reader: &'a str,
    pub stream: &'a str,
    pub epoch: i64,
    pub next: i64,
    pub last_seen: i64,
    /// When the newest of the messages was published, if they say so.
    pub published_at: Option<Timestamp>,
    pub read: i64,
    pub aside: i64,
    pub missed: i64,
}

/// Makes rows for streams that have none.
pub async fn register(
    db: &mut PgConnection,
    reader: &str,
    streams: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into ballet.telemetry_reader (reader, stream) \
         select $1, stream from unnest($2::text[]) as new (stream) on conflict do nothing",
    )
    .bind(reader)
    .bind(streams)
    .execute(db)
    .await
    .map(drop)
}

/// Says that this process can read, and returns how many can.
pub async fn present(
    db: &mut PgConnection,
    reader: &str,
    process: i64,
) -> Result<usize, sqlx::Error> {
    let statement = "\
        with gone as (delete from ballet.telemetry_replica where reader = $1 \
                and seen_at not between ballet.now() - interval '1 minute' and ballet.now() \
                and process <> $2), \
        here as (insert into ballet.telemetry_replica (reader, process, seen_at) \
                values ($1, $2, ballet.now()) \
            on conflict (reader, process) do update set seen_at = excluded.seen_at) \
        select count(*) from ballet.telemetry_replica where reader = $1 and process <> $2 \
            and seen_at > ballet.now() - $3 * interval '1 second'";
    let others: i64 = sqlx::query_scalar(statement)
        .bind(reader)
        .bind(process)
        .bind(LEASE_SECONDS)
        .fetch_one(db)
        .await?;
    Ok(usize::try_from(others).unwrap_or_default() + 1)
}

/// The streams of a reader that another process holds, each with the epoch.
pub async fn held_by_others(
    db: &mut PgConnection,
    reader: &str,
    process: i64,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let statement = "\
        select stream, epoch from ballet.telemetry_reader \
        where reader = $1 and holder <> $2 and held_until > ballet.now()";
    sqlx::query_as(statement).bind(reader).bind(process).fetch_all(db).await
}

/// Says that this process reads no more.
pub async fn leave(db: &mut PgConnection, reader: &str, process: i64) -> Result<(), sqlx::Error> {
    sqlx::query("delete from ballet.telemetry_replica where reader = $1 and process = $2")
        .bind(reader)
        .bind(process)
        .execute(db)
        .await
        .map(drop)
}

/// Takes up to `most` of these streams that nobody holds.
pub async fn take(
    db: &mut PgConnection,
    reader: &str,
    streams: &[String],
    process: i64,
    most: usize,
) -> Result<Vec<HeldStream>, sqlx::Error> {
    type Columns = (String, i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>);
    let statement = format!(
        "with free as (select stream from ballet.telemetry_reader \
            where reader = $1 and stream = any($2) and not reset_wanted \
                and (held_until is null or held_until <= ballet.now()) \
            order by stream limit $4 for update skip locked) \
        update ballet.telemetry_reader r set holder = $3, epoch = epoch + 1, \
            held_until = ballet.now() + $5 * interval '1 second' \
        from free where r.reader = $1 and r.stream = free.stream \
        returning r.stream, epoch, next_offset, \
            floor(extract(epoch from begins_at))::bigint, last_seen, \
            floor(extract(epoch from coalesce(published_at, read_at)))::bigint + {DISORDER}"
    );
    let rows: Vec<Columns> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(reader)
        .bind(streams)
        .bind(process)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .bind(LEASE_SECONDS)
        .fetch_all(db)
        .await?;
    let held = |(stream, epoch, next, begins_at, last_seen, read_until)| HeldStream {
        stream,
        epoch,
        next,
        begins_at,
        last_seen,
        read_until,
    };
    Ok(rows.into_iter().map(held).collect())
}

/// Renews a lease. Returns false if it is lost.
pub async fn renew(
    db: &mut PgConnection,
    reader: &str,
    stream: &str,
    epoch: i64,
) -> Result<bool, sqlx::Error> {
    let renewed = sqlx::query(
        "update ballet.telemetry_reader \
         set held_until = ballet.now() + $4 * interval '1 second' \
         where reader = $1 and stream = $2 and epoch = $3",
    )
    .bind(reader)
    .bind(stream)
    .bind(epoch)
    .bind(LEASE_SECONDS)
    .execute(db)
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Gives a stream back.
pub async fn release(
    db: &mut PgConnection,
    reader: &str,
    stream: &str,
    epoch: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ballet.telemetry_reader set holder = null, held_until = null \
         where reader = $1 and stream = $2 and epoch = $3",
    )
    .bind(reader)
    .bind(stream)
    .bind(epoch)
    .execute(db)
    .await
    .map(drop)
}

/// Moves the place on, in the transaction of the rows, and renews the lease. If it returns false,
/// another process has the lease, and the transaction must roll back.
pub async fn advance(db: &mut PgConnection, to: &Advance<'_>) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(
        "update ballet.telemetry_reader set next_offset = $4, last_seen = $5, \
             published_at = case when $6::timestamptz is not null \
                 then least($6, ballet.now() + interval '5 minutes') end, read_at = ballet.now(), \
             read_count = read_count + $7, aside_count = aside_count + $8, \
             missed_count = missed_count + $9, begins_at = null, failure = null, \
             end_offset = greatest(end_offset, $4), \
             held_until = ballet.now() + $10 * interval '1 second' \
         where reader = $1 and stream = $2 and epoch = $3",
    )
    .bind(to.reader)
    .bind(to.stream)
    .bind(to.epoch)
    .bind(to.next)
    .bind(to.last_seen)
    .bind(to.published_at.map(|at| at.to_sqlx()))
    .bind(to.read)
    .bind(to.aside)
    .bind(to.missed)
    .bind(LEASE_SECONDS)
    .execute(db)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Notes why a stream is not read on, for people.
pub async fn failed(
    db: &mut PgConnection,
    reader: &str,
    stream: &str,
    epoch: i64,
    why: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ballet.telemetry_reader set failure = $4 \
         where reader = $1 and stream = $2 and epoch = $3",
    )
    .bind(reader)
    .bind(stream)
    .bind(epoch)
    .bind(storable(why))
    .execute(db)
    .await
    .map(drop)
}

/// Notes where a stream ends. If its last messages had no time, the age of a reader counts from when it read them; if
/// it has committed nothing, from when there was something to read.
pub async fn ends_at(
    db: &mut PgConnection,
    reader: &str,
    stream: &str,
    end: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ballet.telemetry_reader set end_offset = $3, \
             published_at = coalesce(published_at, read_at, ballet.now()) \
         where reader = $1 and stream = $2 \
             and (end_offset is distinct from $3 or published_at is null)",
    )
    .bind(reader)
    .bind(stream)
    .bind(end)
    .execute(db)
    .await
    .map(drop)
}

/// Whether somebody has asked for the reader's rows to be deleted. The rows of all streams stay
/// locked until the transaction ends, so nobody writes under earlier epochs.
pub async fn reset_is_wanted(db: &mut PgConnection, reader: &str) -> Result<bool, sqlx::Error> {
    let wanted: Vec<bool> = sqlx::query_scalar(
        "select reset_wanted from ballet.telemetry_reader where reader = $1 \
         order by stream for update",
    )
    .bind(reader)
    .fetch_all(db)
    .await?;
    Ok(wanted.contains(&true))
}

/// Whether one of the reader's rows asks for a reset, without a lock.
pub async fn asks_for_reset(db: &mut PgConnection, reader: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from ballet.telemetry_reader where reader = $1 and reset_wanted)",
    )
    .bind(reader)
    .fetch_one(db)
    .await
}

/// Sets the places of a reader to the beginning, after its rows are deleted.
pub async fn reset(db: &mut PgConnection, reader: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ballet.telemetry_reader set next_offset = null, last_seen = null, begins_at = null, \
             reset_wanted = false, epoch = epoch + 1, holder = null, held_until = null \
         where reader = $1",
    )
    .bind(reader)
    .execute(db)
    .await
    .map(drop)
}

/// How far a reader is behind in each of these streams: messages, and the age in seconds of the
/// last one that it has read. Zero if it has read all.
pub async fn lags(
    db: &mut PgConnection,
    reader: &str,
    streams: &[String],
) -> Result<Vec<(String, (f64, f64))>, sqlx::Error> {
    let statement = "\
        select stream, greatest(0, coalesce(end_offset, 0) - coalesce(next_offset, 0))::float8, \
            case when end_offset > coalesce(next_offset, 0) then greatest(0, coalesce( \
                extract(epoch from ballet.now() - published_at), 0)) else 0 end::float8 \
        from ballet.telemetry_reader where reader = $1 and stream = any($2)";
    let rows: Vec<(String, f64, f64)> =
        sqlx::query_as(statement).bind(reader).bind(streams).fetch_all(db).await?;
    Ok(rows.into_iter().map(|(stream, messages, age)| (stream, (messages, age))).collect())
}
