//! The partitions of inbox and ledger, by the time in the UUIDv7 ids.
//!
//! Made ahead by the service itself. Those of the inbox are dropped when their ids are older than
//! the window: messages that old are refused, not handled again.

use ballet_core::envelope::Limits;
use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, PgPool, Row};
use uuid::Uuid;

/// How far ahead partitions are made.
const AHEAD: SignedDuration = SignedDuration::from_hours(3 * 24);
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// Serialises replicas that make partitions at the same time ("ballet" as a number).
const LOCK: i64 = 0x6261_6c6c_6574;

struct Partitioned {
    table: &'static str,
    days: i64,
    kept: SignedDuration,
    dropped: bool,
}

/// The least UUIDv7 of a time.
fn bound(seconds: i64) -> Uuid {
    let millis = u128::try_from(seconds.max(0)).unwrap_or_default() * 1000;
    Uuid::from_u128(millis << 80)
}

/// Makes what is missing and drops what is no longer needed.
///
/// # Errors
///
/// Those of the database.
#[expect(clippy::disallowed_methods, reason = "a transaction of the framework's own")]
pub(crate) async fn maintain(
    pool: &PgPool,
    limits: &Limits,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut db = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *db).await?;
    for partitioned in [
        Partitioned { table: "inbox", days: 1, kept: limits.inbox_window, dropped: true },
        // What is open keeps a ledger partition, so none is dropped without a look at it.
        Partitioned { table: "ledger", days: 7, kept: limits.saga_window, dropped: false },
    ] {
        let statement = "select c.relname from pg_inherits i \
             join pg_class c on c.oid = i.inhrelid \
             where i.inhparent = ('ballet.' || $1)::regclass";
        let present: Vec<String> = sqlx::query(statement)
            .bind(partitioned.table)
            .fetch_all(&mut *db)
            .await?
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?;
        let wanted = wanted(&partitioned, now);
        for (name, from, to) in &wanted {
            if !present.contains(name) {
                let table = partitioned.table;
                let (from, to) = (bound(*from), bound(*to));
                let statement = format!(
                    "create table ballet.{name} partition of ballet.{table} \
                     for values from ('{from}') to ('{to}')"
                );
                sqlx::query(AssertSqlSafe(statement)).execute(&mut *db).await?;
            }
        }
        let oldest = wanted.first().map(|(name, ..)| name.as_str()).unwrap_or_default();
        for name in present.iter().filter(|name| partitioned.dropped && name.as_str() < oldest) {
            let statement = format!("drop table ballet.{name}");
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *db).await?;
        }
    }
    db.commit().await
}

/// Name and bounds in seconds of each partition, the oldest first.
fn wanted(partitioned: &Partitioned, now: Timestamp) -> Vec<(String, i64, i64)> {
    let step = partitioned.days * DAY_SECONDS;
    // One more than is kept, for clocks that differ.
    let first = (now - partitioned.kept).as_second().div_euclid(step) - 1;
    let last = (now + AHEAD).as_second().div_euclid(step);
    (first..=last)
        .map(|at| {
            let begins = Timestamp::from_second(at * step).unwrap_or(Timestamp::UNIX_EPOCH);
            let day = begins.strftime("%Y%m%d");
            (format!("{}_{day}", partitioned.table), at * step, (at + 1) * step)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_cover_the_window_and_the_days_ahead_without_a_gap() {
        let now = Timestamp::from_second(1_763_625_600).expect("in range");
        let kept = SignedDuration::from_hours(7 * 24);
        let wanted = wanted(&Partitioned { table: "inbox", days: 1, kept, dropped: true }, now);
        assert!(wanted.windows(2).all(|pair| pair[0].2 == pair[1].1 && pair[0].0 < pair[1].0));
        let covers = |time: Timestamp| {
            wanted.iter().any(|(_, from, to)| (*from..*to).contains(&time.as_second()))
        };
        assert!(covers(now - kept) && covers(now) && covers(now + AHEAD));
    }
}
