//! Readers of telemetry as the command shows them, and how it rewinds them.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};

/// A reader's place in one stream.
#[derive(Debug, Clone)]
pub struct ReaderPlace {
    pub reader: String,
    pub stream: String,
    pub next_offset: Option<i64>,
    pub end_offset: Option<i64>,
    /// The process that reads, if its lease holds.
    pub holder: Option<i64>,
    pub read_count: i64,
    pub aside_count: i64,
    pub missed_count: i64,
    pub reset_wanted: bool,
    /// The age of the last message that was read, in seconds.
    pub age_seconds: Option<f64>,
    pub failure: Option<String>,
}

impl ReaderPlace {
    /// The number of messages that it has not read yet, once it is known where the stream ends.
    pub fn behind(&self) -> Option<i64> {
        self.end_offset.map(|end| (end - self.next_offset.unwrap_or_default()).max(0))
    }
}

impl FromRow<'_, PgRow> for ReaderPlace {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            reader: row.try_get("reader")?,
            stream: row.try_get("stream")?,
            next_offset: row.try_get("next_offset")?,
            end_offset: row.try_get("end_offset")?,
            holder: row.try_get("holder")?,
            read_count: row.try_get("read_count")?,
            aside_count: row.try_get("aside_count")?,
            missed_count: row.try_get("missed_count")?,
            reset_wanted: row.try_get("reset_wanted")?,
            age_seconds: row.try_get("age_seconds")?,
            failure: row.try_get("failure")?,
        })
    }
}

/// The offsets that a reader has missed.
#[derive(Debug, Clone)]
pub struct MissedOffsets {
    pub reader: String,
    pub stream: String,
    pub from_offset: i64,
    pub to_offset: Option<i64>,
    pub reason: String,
    /// In RFC 3339.
    pub at: String,
}

impl FromRow<'_, PgRow> for MissedOffsets {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            reader: row.try_get("reader")?,
            stream: row.try_get("stream")?,
            from_offset: row.try_get("from_offset")?,
            to_offset: row.try_get("to_offset")?,
            reason: row.try_get("reason")?,
            at: row.try_get("at")?,
        })
    }
}

/// All places, in order.
pub async fn all(db: &mut PgConnection) -> Result<Vec<ReaderPlace>, sqlx::Error> {
    sqlx::query_as(
        "select reader, stream, next_offset, end_offset, \
             case when held_until > ballet.now() then holder end as holder, \
             read_count, aside_count, missed_count, reset_wanted, \
             case when read_at is not null then extract(epoch from ballet.now() - published_at) end::float8 \
                 as age_seconds, failure \
         from ballet.telemetry_reader order by reader, stream",
    )
    .fetch_all(db)
    .await
}

/// The newest of what readers have missed.
pub async fn missed(db: &mut PgConnection, most: i64) -> Result<Vec<MissedOffsets>, sqlx::Error> {
    sqlx::query_as(
        "select reader, stream, from_offset, to_offset, reason, \
             to_char(at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as at \
         from ballet.telemetry_missed m order by m.at desc limit $1",
    )
    .bind(most)
    .fetch_all(db)
    .await
}

/// The place at which a reader is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewindTo {
    /// At the beginning, with its rows deleted.
    First,
    /// At this offset of one stream.
    Offset(i64),
    /// At this time, in seconds since 1970.
    Time(i64),
}

/// Rewinds a reader, or one of its streams, and replaces an earlier rewind that is not done yet. A
/// process that reads loses its lease. Returns how many streams are rewound.
pub async fn rewind(
    db: &mut PgConnection,
    reader: &str,
    stream: Option<&str>,
    to: RewindTo,
) -> Result<u64, sqlx::Error> {
    let (offset, time) = match to {
        RewindTo::First => (None, None),
        RewindTo::Offset(offset) => (Some(offset), None),
        RewindTo::Time(seconds) => (None, Some(seconds)),
    };
    let done = sqlx::query(
        "update ballet.telemetry_reader set epoch = epoch + 1, holder = null, held_until = null, \
             reset_wanted = $3, \
             next_offset = case when $3 then next_offset else $4 end, \
             last_seen = case when $3 then last_seen end, \
             begins_at = case when $5::bigint is null then null else to_timestamp($5) end \
         where reader = $1 and ($2::text is null or stream = $2)",
    )
    .bind(reader)
    .bind(stream)
    .bind(to == RewindTo::First)
    .bind(offset)
    .bind(time)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
