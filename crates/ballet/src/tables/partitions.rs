//! The partitions of inbox and ledger, by the time in the UUIDv7 ids.
//!
//! Messages older than the window are refused, so their partitions can be dropped. A ledger
//! partition with open sagas is kept. What was dropped is never made again. Creating and dropping do not block the service, and the
//! service does not block them: a table is created on its own and then attached, and detached
//! before it is dropped. Both take locks that are compatible with reads and writes.

use ballet_core::envelope::Limits;
use ballet_fault::{self as fault, FaultPoint};
use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use crate::tables::database::{begin, in_time};
use crate::tables::open_sagas::{self, Open, Stages};

/// How far ahead partitions are created.
const AHEAD: SignedDuration = SignedDuration::from_hours(3 * 24);
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// The days in a partition of the ledger.
const LEDGER_DAYS: i64 = 7;
/// The lock that serialises replicas that create partitions ("ballet" as a number).
pub(crate) const MAKING: i64 = 0x6261_6c6c_6574;

struct Partitioned {
    table: &'static str,
    days: i64,
    kept: SignedDuration,
}

impl Partitioned {
    const fn inbox(limits: &Limits) -> Self {
        Self { table: "inbox", days: 1, kept: limits.inbox_window }
    }

    /// Open sagas keep a partition, see [`open_sagas`].
    const fn ledger(limits: &Limits) -> Self {
        Self { table: "ledger", days: LEDGER_DAYS, kept: limits.saga_window }
    }

    fn at(&self, time: Timestamp) -> Wanted {
        let step = self.days * DAY_SECONDS;
        self.number(time.as_second().div_euclid(step))
    }

    fn number(&self, number: i64) -> Wanted {
        let step = self.days * DAY_SECONDS;
        let begins = Timestamp::from_second(number * step).unwrap_or(Timestamp::UNIX_EPOCH);
        let name = format!("{}_{}", self.table, begins.strftime("%Y%m%d"));
        Wanted { table: self.table, name, from: number * step, to: (number + 1) * step }
    }

    /// Returns the partitions that should exist, the oldest first.
    fn wanted(&self, now: Timestamp) -> Vec<Wanted> {
        let step = self.days * DAY_SECONDS;
        // One more than is kept, since clocks differ.
        let first = (now - self.kept).as_second().div_euclid(step) - 1;
        let last = (now + AHEAD).as_second().div_euclid(step);
        (first..=last).map(|number| self.number(number)).collect()
    }
}

/// A partition that should exist, with its bounds in seconds.
struct Wanted {
    table: &'static str,
    name: String,
    from: i64,
    to: i64,
}

/// Returns the bounds of the ledger partition of that name.
fn bounds(name: &str) -> (Uuid, Uuid) {
    let day = name.rsplit('_').next().unwrap_or_default();
    let begins = jiff::civil::Date::strptime("%Y%m%d", day).unwrap_or_default();
    let seconds =
        begins.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |at| at.timestamp().as_second());
    (bound(seconds), bound(seconds + LEDGER_DAYS * DAY_SECONDS))
}

/// Returns the smallest UUIDv7 of a time.
pub fn bound(seconds: i64) -> Uuid {
    let millis = u128::try_from(seconds.max(0)).unwrap_or_default() * 1000;
    Uuid::from_u128(millis << 80)
}

/// A table that is, was or will become a partition.
struct Present {
    name: String,
    attached: bool,
    /// The detach was interrupted.
    half_detached: bool,
}

/// Reads only the catalog, so it never waits for a lock. Half-detached partitions come first: no
/// other partition can be detached before they are finished.
async fn present(db: &mut PgConnection, table: &str) -> Result<Vec<Present>, sqlx::Error> {
    let statement = "select c.relname::text as name, i.inhparent is not null as attached, \
             coalesce(i.inhdetachpending, false) as half_detached \
         from pg_class c left join pg_inherits i on i.inhrelid = c.oid \
         where c.relnamespace = 'ballet'::regnamespace and c.relkind = 'r' \
             and c.relname ~ ('^' || $1 || '_[0-9]{8}$') \
         order by half_detached desc, c.relname";
    let rows: Vec<(String, bool, bool)> =
        in_time(sqlx::query_as(statement).bind(table).fetch_all(db)).await?;
    let present = |(name, attached, half_detached)| Present { name, attached, half_detached };
    Ok(rows.into_iter().map(present).collect())
}

async fn missing(
    db: &mut PgConnection,
    limits: &Limits,
    now: Timestamp,
) -> Result<Vec<Wanted>, sqlx::Error> {
    let dropped =
        in_time(sqlx::query_as("select name from ballet.dropped_partition").fetch_all(&mut *db));
    let dropped: Vec<(String,)> = dropped.await?;
    let mut missing = Vec::new();
    for partitioned in [Partitioned::inbox(limits), Partitioned::ledger(limits)] {
        let present = present(db, partitioned.table).await?;
        let is_there = |name| present.iter().any(|found| found.attached && found.name == name);
        let wanted = partitioned.wanted(now).into_iter();
        let was_dropped = |name: &str| dropped.iter().any(|(dropped,)| dropped == name);
        missing.extend(
            wanted.filter(|wanted| !is_there(wanted.name.clone()) && !was_dropped(&wanted.name)),
        );
    }
    Ok(missing)
}

/// Creates the missing partitions.
pub(crate) async fn make(
    pool: &PgPool,
    limits: &Limits,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    if missing(&mut *pool.acquire().await?, limits, now).await?.is_empty() {
        return Ok(());
    }
    let mut db = begin(pool).await?;
    let turn = sqlx::query("select pg_advisory_xact_lock($1)").bind(MAKING);
    in_time(turn.execute(&mut *db)).await?;
    // If a lock is held for longer, the next round tries again.
    in_time(sqlx::query("set local lock_timeout = '1s'").execute(&mut *db)).await?;
    for Wanted { table, name, from, to } in missing(&mut db, limits, now).await? {
        let (from, to) = (bound(from), bound(to));
        let statement =
            format!("create table if not exists ballet.{name} (like ballet.{table} including all)");
        in_time(sqlx::query(AssertSqlSafe(statement)).execute(&mut *db)).await?;
        let statement = format!(
            "alter table ballet.{table} attach partition ballet.{name} \
             for values from ('{from}') to ('{to}')"
        );
        in_time(sqlx::query(AssertSqlSafe(statement)).execute(&mut *db)).await?;
    }
    fault::point(FaultPoint::BeforeTables, "partitions");
    in_time(db.commit()).await?;
    fault::point(FaultPoint::AfterTables, "partitions");
    Ok(())
}

/// Returns true if there are partitions for ids of a time.
pub(crate) async fn cover(
    pool: &PgPool,
    limits: &Limits,
    time: Timestamp,
) -> Result<bool, sqlx::Error> {
    let mut db = pool.acquire().await?;
    for partitioned in [Partitioned::inbox(limits), Partitioned::ledger(limits)] {
        let name = partitioned.at(time).name;
        let present = present(&mut db, partitioned.table).await?;
        if !present.iter().any(|found| found.attached && found.name == name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns for each time whether the ledger has a partition for it. Where it has, it also has every
/// row of that time.
pub(crate) async fn ledger_covers(
    db: &mut PgConnection,
    limits: &Limits,
    times: &[Timestamp],
) -> Result<Vec<bool>, sqlx::Error> {
    covers(db, &Partitioned::ledger(limits), times).await
}

/// The same for the inbox.
pub(crate) async fn inbox_covers(
    db: &mut PgConnection,
    limits: &Limits,
    times: &[Timestamp],
) -> Result<Vec<bool>, sqlx::Error> {
    covers(db, &Partitioned::inbox(limits), times).await
}

async fn covers(
    db: &mut PgConnection,
    partitioned: &Partitioned,
    times: &[Timestamp],
) -> Result<Vec<bool>, sqlx::Error> {
    let present = present(db, partitioned.table).await?;
    let covers = |time: &Timestamp| {
        let name = partitioned.at(*time).name;
        present.iter().any(|it| it.name == name && it.attached && !it.half_detached)
    };
    Ok(times.iter().map(covers).collect())
}

/// Drops the partitions that are older than the windows. An open saga keeps its partition.
pub(crate) async fn drop_old(
    db: &mut PgConnection,
    limits: &Limits,
    stages: &Stages,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let open = Open::new(stages, now - limits.unsettled_window);
    let (inbox, ledger) = (Partitioned::inbox(limits), Partitioned::ledger(limits));
    for partition in old(db, &inbox, now).await? {
        if partition.attached {
            forget_handled(db, &partition.name).await?;
        }
        drop_one(db, &inbox, &partition).await?;
    }
    for partition in old(db, &ledger, now).await? {
        let Present { name, attached, half_detached } = &partition;
        if *attached && !half_detached && open_sagas::any(db, name, bounds(name), &open).await? {
            tracing::warn!(
                partition = name,
                "an old partition is kept because it contains open sagas"
            );
            continue;
        }
        drop_one(db, &ledger, &partition).await?;
    }
    Ok(())
}

async fn old(
    db: &mut PgConnection,
    partitioned: &Partitioned,
    now: Timestamp,
) -> Result<Vec<Present>, sqlx::Error> {
    let oldest = partitioned.wanted(now).into_iter().next().map(|wanted| wanted.name);
    let mut old = present(db, partitioned.table).await?;
    old.retain(|found| oldest.as_ref().is_some_and(|oldest| found.name < *oldest));
    Ok(old)
}

/// Deletes the failures of messages that the partition knows as handled. Without it they would look
/// as if they were still failing.
async fn forget_handled(db: &mut PgConnection, partition: &str) -> Result<(), sqlx::Error> {
    let statement = format!(
        "delete from ballet.failure f using ballet.{partition} i where i.message_id = f.message_id"
    );
    in_time(sqlx::query(AssertSqlSafe(statement)).execute(db)).await.map(drop)
}

async fn drop_one(
    db: &mut PgConnection,
    Partitioned { table, .. }: &Partitioned,
    Present { name, attached, half_detached }: &Present,
) -> Result<(), sqlx::Error> {
    if *attached {
        // Waits for readers of the table without blocking others. Cannot run in a transaction.
        let how = if *half_detached { "finalize" } else { "concurrently" };
        let statement = format!("alter table ballet.{table} detach partition ballet.{name} {how}");
        in_time(sqlx::query(AssertSqlSafe(statement)).execute(&mut *db)).await?;
    }
    let mut db = begin(db).await?;
    let dropped = "insert into ballet.dropped_partition (name) values ($1) on conflict do nothing";
    in_time(sqlx::query(dropped).bind(name).execute(&mut *db)).await?;
    let statement = format!("drop table ballet.{name}");
    in_time(sqlx::query(AssertSqlSafe(statement)).execute(&mut *db)).await?;
    fault::point(FaultPoint::BeforeTables, "partitions");
    in_time(db.commit()).await?;
    fault::point(FaultPoint::AfterTables, "partitions");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_a_partition_follow_from_its_name() {
        let now = Timestamp::from_second(1_763_625_600).expect("in range");
        let Wanted { name, from, to, .. } = Partitioned::ledger(&Limits::default()).at(now);
        assert_eq!(bounds(&name), (bound(from), bound(to)));
    }

    #[test]
    fn partitions_cover_the_window_and_the_days_ahead_without_a_gap() {
        let now = Timestamp::from_second(1_763_625_600).expect("in range");
        let inbox = Partitioned::inbox(&Limits::default());
        let wanted = inbox.wanted(now);
        assert!(wanted.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert!(wanted.windows(2).all(|pair| pair[0].name < pair[1].name));
        for time in [now - inbox.kept, now, now + AHEAD] {
            assert!(wanted.iter().any(|wanted| wanted.name == inbox.at(time).name));
        }
    }
}
