//! The violations that the monitor has found.

use ballet_ops::monitor::{Property, Violation};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, Row as _};
use uuid::Uuid;

/// The maximum number of violations that are kept.
pub(crate) const MOST: usize = 10_000;

/// A violation in the database.
#[derive(Debug, Clone)]
pub(crate) struct FoundViolation {
    pub(crate) message: Uuid,
    pub(crate) property: String,
    pub(crate) saga: Option<Uuid>,
    pub(crate) entry: i64,
    pub(crate) at: Timestamp,
    pub(crate) service: String,
    pub(crate) event_type: String,
    pub(crate) says: String,
    /// The number of those alike in the last day.
    pub(crate) count: i64,
}

/// Adds those that are not there, and drops the oldest beyond the maximum.
pub(crate) async fn add(pool: &PgPool, found: &[Violation]) -> Result<(), sqlx::Error> {
    macro_rules! column {
        ($of:expr) => {
            found.iter().map($of).collect::<Vec<_>>()
        };
    }
    sqlx::query(
        "insert into console.violation (message, property, saga, entry, at, service, type, says) \
         select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[], \
             $6::text[], $7::text[], $8::text[]) on conflict do nothing",
    )
    .bind(column!(|one: &Violation| one.message_id))
    .bind(column!(|one: &Violation| one.property.as_str()))
    .bind(column!(|one: &Violation| one.saga))
    .bind(column!(|one: &Violation| i64::try_from(one.offset).unwrap_or(i64::MAX)))
    .bind(column!(|one: &Violation| one.at.to_sqlx()))
    .bind(column!(|one: &Violation| clean(&one.service)))
    .bind(column!(|one: &Violation| clean(&one.event_type)))
    .bind(column!(|one: &Violation| clean(&one.says)))
    .execute(pool)
    .await?;
    sqlx::query(
        "delete from console.violation where named_at < \
             (select named_at from console.violation order by named_at desc offset $1 limit 1)",
    )
    .bind(i64::try_from(MOST).unwrap_or(i64::MAX))
    .execute(pool)
    .await
    .map(drop)
}

/// Postgres takes no zero byte.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}").chars().take(1_000).collect()
}

/// Returns the newest of each kind in the last day, the newest first.
pub(crate) async fn recent(pool: &PgPool) -> Result<Vec<FoundViolation>, sqlx::Error> {
    let recent = "select message, property, saga, entry, at, service, type, says, count from ( \
                      select *, count(*) over kind, row_number() over (kind order by named_at desc, entry desc) \
                      from console.violation where named_at > now() - interval '1 day' \
                      window kind as (partition by property, service, type)) as of_day \
                  where row_number = 1 order by named_at desc, entry desc limit 20";
    sqlx::query_as(recent).fetch_all(pool).await
}

/// Returns those of a saga, in the journal's order.
pub(crate) async fn of_saga(pool: &PgPool, saga: Uuid) -> Result<Vec<FoundViolation>, sqlx::Error> {
    let all = "select message, property, saga, entry, at, service, type, says, 1::bigint as count \
               from console.violation where saga = $1 order by entry limit 20";
    sqlx::query_as(all).bind(saga).fetch_all(pool).await
}

impl FromRow<'_, PgRow> for FoundViolation {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            message: row.try_get("message")?,
            property: row.try_get("property")?,
            saga: row.try_get("saga")?,
            entry: row.try_get("entry")?,
            at: row.try_get::<jiff_sqlx::Timestamp, _>("at")?.to_jiff(),
            service: row.try_get("service")?,
            event_type: row.try_get("type")?,
            says: row.try_get("says")?,
            count: row.try_get("count")?,
        })
    }
}

/// Returns the number that was found in the last hour, by property.
pub(crate) async fn counts(pool: &PgPool) -> Result<Vec<(&'static str, i64)>, sqlx::Error> {
    let counts = "select property, count(*) from console.violation \
                  where named_at > now() - interval '1 hour' group by property";
    let counts: Vec<(String, i64)> = sqlx::query_as(counts).fetch_all(pool).await?;
    let of = |property: Property| {
        let found = counts.iter().find(|(name, _)| name == property.as_str());
        (property.as_str(), found.map_or(0, |(_, count)| *count))
    };
    Ok(Property::ALL.into_iter().map(of).collect())
}
