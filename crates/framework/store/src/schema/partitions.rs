//! The partitions of inbox and ledger, by the time in the UUIDv7 ids.
//!
//! Messages older than the window are refused, so their partitions can be dropped. A ledger
//! partition with open sagas is kept. What was dropped with rows in it is never made again.
//! Creating and dropping neither block the service nor wait for it, since a table is created on its
//! own and then attached, and detached before it is dropped. Both take locks that are compatible
//! with reads and writes.

use std::collections::{BTreeSet, HashSet};

use ballet_core::envelope::Limits;
use ballet_core::fault::{self, FaultPoint};
use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use crate::database::connection::{begin, in_time};

/// How far ahead partitions are created.
const AHEAD: SignedDuration = SignedDuration::from_hours(3 * 24);
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// The days in a partition of the ledger.
const LEDGER_DAYS: i64 = 7;
/// The lock that serialises replicas that create partitions ("ballet" as a number).
pub const MAKING: i64 = 0x6261_6c6c_6574;

/// A table with partitions.
#[derive(Debug)]
pub struct PartitionedTable {
    pub table: &'static str,
    days: i64,
    kept: SignedDuration,
}

impl PartitionedTable {
    pub const fn inbox(limits: &Limits) -> Self {
        Self { table: "inbox", days: 1, kept: limits.inbox_window }
    }

    pub const fn ledger(limits: &Limits) -> Self {
        Self { table: "ledger", days: LEDGER_DAYS, kept: limits.saga_window }
    }

    /// How many newer partitions with rows there must be before one is dropped: one more than the
    /// window covers. A clock that leapt ahead makes new partitions, but no rows in them.
    pub fn newer(&self) -> usize {
        let days = self.kept.as_secs() / DAY_SECONDS;
        let newer = (days + self.days - 1) / self.days + 1;
        usize::try_from(newer.unsigned_abs()).unwrap_or(usize::MAX)
    }

    /// Returns the bounds of the partition of that name.
    pub fn bounds(&self, name: &str) -> (Uuid, Uuid) {
        let day = name.rsplit('_').next().unwrap_or_default();
        let begins = jiff::civil::Date::strptime("%Y%m%d", day).unwrap_or_default();
        let seconds =
            begins.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |at| at.timestamp().as_second());
        (bound(seconds), bound(seconds + self.days * DAY_SECONDS))
    }

    fn at(&self, time: Timestamp) -> WantedPartition {
        let step = self.days * DAY_SECONDS;
        self.number(time.as_second().div_euclid(step))
    }

    fn number(&self, number: i64) -> WantedPartition {
        let step = self.days * DAY_SECONDS;
        let begins = Timestamp::from_second(number * step).unwrap_or(Timestamp::UNIX_EPOCH);
        let name = format!("{}_{}", self.table, begins.strftime("%Y%m%d"));
        WantedPartition { table: self.table, name, from: number * step, to: (number + 1) * step }
    }

    /// Returns the partitions that should exist, the oldest first.
    pub fn wanted(&self, now: Timestamp) -> Vec<WantedPartition> {
        let step = self.days * DAY_SECONDS;
        // One more than is kept, since clocks differ.
        let first = (now - self.kept).as_second().div_euclid(step) - 1;
        let last = (now + AHEAD).as_second().div_euclid(step);
        (first..=last).map(|number| self.number(number)).collect()
    }
}

/// A partition that should exist, with its bounds in seconds.
#[derive(Debug)]
pub struct WantedPartition {
    table: &'static str,
    pub name: String,
    from: i64,
    to: i64,
}

/// Returns the smallest UUIDv7 of a time.
pub fn bound(seconds: i64) -> Uuid {
    let millis = u128::try_from(seconds.max(0)).unwrap_or_default() * 1000;
    Uuid::from_u128(millis << 80)
}

/// A table that is, was or will become a partition.
#[derive(Debug)]
pub struct PresentPartition {
    pub name: String,
    pub attached: bool,
    /// The detach was interrupted.
    pub half_detached: bool,
}

impl PresentPartition {
    /// Whether it takes rows.
    const fn is_there(&self) -> bool {
        self.attached && !self.half_detached
    }
}

/// Reads only the catalog, so it never waits for a lock. Half-detached partitions come first, since
/// no other partition can be detached before they are finished.
pub async fn present(
    db: &mut PgConnection,
    table: &str,
) -> Result<Vec<PresentPartition>, sqlx::Error> {
    let statement = "select c.relname::text as name, i.inhparent is not null as attached, \
             coalesce(i.inhdetachpending, false) as half_detached \
         from pg_class c left join pg_inherits i on i.inhrelid = c.oid \
         where c.relnamespace = 'ballet'::regnamespace and c.relkind = 'r' \
             and c.relname ~ ('^' || $1 || '_[0-9]{8}$') \
         order by half_detached desc, c.relname";
    let rows: Vec<(String, bool, bool)> =
        in_time(sqlx::query_as(statement).bind(table).fetch_all(db)).await?;
    let present =
        |(name, attached, half_detached)| PresentPartition { name, attached, half_detached };
    Ok(rows.into_iter().map(present).collect())
}

/// Returns the names of the partitions of inbox and ledger that take rows.
pub async fn names(db: &mut PgConnection) -> Result<BTreeSet<String>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid \
         where i.inhparent in ('ballet.inbox'::regclass, 'ballet.ledger'::regclass) \
         and not i.inhdetachpending",
    )
    .fetch_all(db)
    .await?;
    Ok(names.into_iter().collect())
}

async fn dropped(db: &mut PgConnection) -> Result<HashSet<String>, sqlx::Error> {
    let select = sqlx::query_as("select name from ballet.dropped_partition");
    let names: Vec<(String,)> = in_time(select.fetch_all(db)).await?;
    Ok(names.into_iter().map(|(name,)| name).collect())
}

async fn missing(
    db: &mut PgConnection,
    limits: &Limits,
    now: Timestamp,
) -> Result<Vec<WantedPartition>, sqlx::Error> {
    let dropped = dropped(db).await?;
    let mut missing = Vec::new();
    for partitioned in [PartitionedTable::inbox(limits), PartitionedTable::ledger(limits)] {
        let present = present(db, partitioned.table).await?;
        let is_there = |name: &String| present.iter().any(|it| it.is_there() && it.name == *name);
        let wanted = partitioned.wanted(now).into_iter();
        missing.extend(wanted.filter(|it| !is_there(&it.name) && !dropped.contains(&it.name)));
    }
    Ok(missing)
}

/// Makes a table a partition.
pub async fn attach(
    db: &mut PgConnection,
    table: &str,
    name: &str,
    (from, to): (Uuid, Uuid),
) -> Result<(), sqlx::Error> {
    let statement = format!(
        "alter table ballet.{table} attach partition ballet.{name} \
         for values from ('{from}') to ('{to}')"
    );
    in_time(sqlx::query(AssertSqlSafe(statement)).execute(db)).await.map(drop)
}

/// Finishes what an interrupted detach left of a partition that is wanted all the same. Its rows
/// come back when it is attached again.
async fn finish_detaching(
    db: &mut PgConnection,
    table: &str,
    name: &str,
) -> Result<(), sqlx::Error> {
    let present = present(db, table).await?;
    if !present.iter().any(|it| it.half_detached && it.name == name) {
        return Ok(());
    }
    let statement = format!("alter table ballet.{table} detach partition ballet.{name} finalize");
    in_time(sqlx::query(AssertSqlSafe(statement)).execute(db)).await.map(drop)
}

/// Creates the missing partitions.
pub async fn make(pool: &PgPool, limits: &Limits, now: Timestamp) -> Result<(), sqlx::Error> {
    if missing(&mut *pool.acquire().await?, limits, now).await?.is_empty() {
        return Ok(());
    }
    let mut db = begin(pool).await?;
    let turn = sqlx::query("select pg_advisory_xact_lock($1)").bind(MAKING);
    in_time(turn.execute(&mut *db)).await?;
    // If a lock is held for longer, the next round tries again.
    in_time(sqlx::query("set local lock_timeout = '1s'").execute(&mut *db)).await?;
    for WantedPartition { table, name, from, to } in missing(&mut db, limits, now).await? {
        finish_detaching(&mut db, table, &name).await?;
        let statement =
            format!("create table if not exists ballet.{name} (like ballet.{table} including all)");
        in_time(sqlx::query(AssertSqlSafe(statement)).execute(&mut *db)).await?;
        attach(&mut db, table, &name, (bound(from), bound(to))).await?;
    }
    fault::point(FaultPoint::BeforeTables, "partitions");
    in_time(db.commit()).await?;
    fault::point(FaultPoint::AfterTables, "partitions");
    Ok(())
}

/// Returns true if there are partitions for ids of a time.
pub async fn cover(pool: &PgPool, limits: &Limits, time: Timestamp) -> Result<bool, sqlx::Error> {
    let mut db = pool.acquire().await?;
    for partitioned in [PartitionedTable::inbox(limits), PartitionedTable::ledger(limits)] {
        let name = partitioned.at(time).name;
        let present = present(&mut db, partitioned.table).await?;
        if !present.iter().any(|found| found.attached && found.name == name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a table still has the rows of a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionMemory {
    /// There is a partition, and it has every row of that time.
    Whole,
    /// There is no partition. Of a time that is not old, it could not be made yet.
    Missing,
    /// The partition was dropped, and there were rows in it.
    Dropped,
}

impl PartitionMemory {
    /// Whether something of that time may be forgotten, given whether the time is old.
    pub const fn is_forgotten(self, is_old: bool) -> bool {
        match self {
            Self::Whole => false,
            Self::Missing => is_old,
            Self::Dropped => true,
        }
    }
}

/// Returns what a table knows of each time.
pub async fn memories(
    db: &mut PgConnection,
    partitioned: &PartitionedTable,
    times: &[Timestamp],
) -> Result<Vec<PartitionMemory>, sqlx::Error> {
    let present = present(db, partitioned.table).await?;
    // Read second, so a partition that was dropped in between is reported as dropped.
    let dropped = dropped(db).await?;
    let memory = |time: &Timestamp| {
        let name = partitioned.at(*time).name;
        if present.iter().any(|it| it.is_there() && it.name == name) {
            PartitionMemory::Whole
        } else if dropped.contains(&name) {
            PartitionMemory::Dropped
        } else {
            PartitionMemory::Missing
        }
    };
    Ok(times.iter().map(memory).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_a_partition_follow_from_its_name() {
        let now = Timestamp::from_second(1_763_625_600).expect("in range");
        let limits = Limits::default();
        for partitioned in [PartitionedTable::inbox(&limits), PartitionedTable::ledger(&limits)] {
            let WantedPartition { name, from, to, .. } = partitioned.at(now);
            assert_eq!(partitioned.bounds(&name), (bound(from), bound(to)));
        }
    }

    #[test]
    fn more_is_kept_than_the_window() {
        let limits = Limits::default();
        assert_eq!(PartitionedTable::inbox(&limits).newer(), 8);
        assert_eq!(PartitionedTable::ledger(&limits).newer(), 14);
    }

    #[test]
    fn partitions_cover_the_window_and_the_days_ahead_without_a_gap() {
        let now = Timestamp::from_second(1_763_625_600).expect("in range");
        let inbox = PartitionedTable::inbox(&Limits::default());
        let wanted = inbox.wanted(now);
        assert!(wanted.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert!(wanted.windows(2).all(|pair| pair[0].name < pair[1].name));
        for time in [now - inbox.kept, now, now + AHEAD] {
            assert!(wanted.iter().any(|wanted| wanted.name == inbox.at(time).name));
        }
    }
}
