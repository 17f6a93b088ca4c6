//! The entries' partitions, one for each day, and their removal.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::store::flow;
use crate::store::times::times;

const PREFIX: &str = "entry_";
/// So that no statement takes long.
const PORTION: i64 = 5_000;

/// In UTC.
pub(crate) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn name(day: Date) -> String {
    format!("{PREFIX}{}", day.strftime("%Y%m%d"))
}

pub(crate) async fn make(db: &mut PgConnection, day: Date) -> Result<(), sqlx::Error> {
    let next = day.checked_add(1.day()).unwrap_or(day);
    let (name, zone) = (name(day), "00:00:00+00");
    let statement = format!(
        "create table if not exists console.{name} partition of console.entry \
         for values from ('{day} {zone}') to ('{next} {zone}')"
    );
    db.execute(AssertSqlSafe(statement)).await.map(drop)
}

/// Drops days that were over for longer than `keep` at the newest entry, and ended sagas without other remains. Open
/// ones stay, for operators.
pub(crate) async fn drop_old(
    db: &mut PgConnection,
    keep: SignedDuration,
) -> Result<(), sqlx::Error> {
    let (_, Some(newest)) = times(&mut *db).await? else { return Ok(()) };
    let Ok(floor) = newest.checked_sub(keep) else { return Ok(()) };
    let oldest = name(day(floor));
    let partitions: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_inherits join pg_class on pg_class.oid = inhrelid \
         where inhparent = 'console.entry'::regclass order by relname",
    )
    .fetch_all(&mut *db)
    .await?;
    for partition in partitions.into_iter().filter(|name| *name < oldest) {
        // Only partitions with `make`'s names are dropped.
        if partition.strip_prefix(PREFIX).is_some_and(|day| day.bytes().all(|b| b.is_ascii_digit()))
        {
            db.execute(AssertSqlSafe(format!("drop table console.{partition}"))).await?;
        }
    }
    flow::fold_old(db, newest).await?;
    loop {
        let gone = sqlx::query(
            "with old as (delete from console.saga where id in (select id from console.saga \
                 where ended is not null and last_at < $1 limit $2) returning id), \
             keys as (delete from console.key using old where key.saga = old.id) \
             select id from old",
        )
        .bind(floor.to_sqlx())
        .bind(PORTION)
        .fetch_all(&mut *db)
        .await?;
        if gone.len() < usize::try_from(PORTION).unwrap_or(usize::MAX) {
            return Ok(());
        }
    }
}
