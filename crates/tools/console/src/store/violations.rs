//! The violations that the monitor has found.

use ballet_ops::monitor::{Property, Violation};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgPool;
use uuid::Uuid;

/// The maximum number of violations that are kept.
pub(crate) const MOST: usize = 10_000;

/// A violation in the database.
#[derive(Debug, Clone)]
pub(crate) struct FoundViolation {
    pub(crate) property: String,
    pub(crate) saga: Option<Uuid>,
    pub(crate) entry: i64,
    pub(crate) at: Timestamp,
    pub(crate) service: String,
    pub(crate) event_type: String,
    pub(crate) says: String,
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

type Columns = (String, Option<Uuid>, i64, jiff_sqlx::Timestamp, String, String, String);

/// Returns those of the last day, the newest first.
pub(crate) async fn recent(pool: &PgPool) -> Result<Vec<FoundViolation>, sqlx::Error> {
    let all = "select property, saga, entry, at, service, type, says from console.violation \
               where named_at > now() - interval '1 day' order by named_at desc, entry desc limit 20";
    let all: Vec<Columns> = sqlx::query_as(all).fetch_all(pool).await?;
    let one = |(property, saga, entry, at, service, event_type, says): Columns| FoundViolation {
        property,
        saga,
        entry,
        at: at.to_jiff(),
        service,
        event_type,
        says,
    };
    Ok(all.into_iter().map(one).collect())
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
