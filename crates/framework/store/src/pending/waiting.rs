//! The work that waits in a service, and since when: unpublished events, messages that are tried
//! again later, and calls without an answer.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::inbox::messages::is_in_no_inbox;
use crate::outbox::{left_behind, tables};

/// How much waits, and since when the oldest does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitingCount {
    /// The number.
    pub count: u64,
    /// The time of the oldest.
    pub since: Option<Timestamp>,
}

/// The messages that wait on their way out of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxWaits {
    /// Events that are committed and not known to be published.
    pub events: WaitingCount,
    /// Events that can never be published as they are.
    pub unpublishable: WaitingCount,
}

/// The messages and calls that wait inside of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InboxWaits {
    /// Messages that failed and are tried again by themselves.
    pub retries: WaitingCount,
    /// Calls to the outside without an answer.
    pub calls: WaitingCount,
}

type Columns = (i64, Option<jiff_sqlx::Timestamp>);

fn line((count, since): Columns) -> WaitingCount {
    let since = since.map(jiff_sqlx::Timestamp::to_jiff);
    WaitingCount { count: count.unsigned_abs(), since }
}

/// Counts what waits in the outbox of the service of this database.
pub async fn outbox(db: &mut PgConnection) -> Result<OutboxWaits, sqlx::Error> {
    let mut events = WaitingCount::default();
    for table in tables::present(&mut *db).await? {
        let (count, since) = left_behind::count(&mut *db, table).await?;
        events.count += count.unsigned_abs();
        events.since = [events.since, since].into_iter().flatten().min();
    }
    let unpublishable = "select count(*), min(created_at) from ballet.outbox_dead";
    let unpublishable = line(sqlx::query_as(unpublishable).fetch_one(db).await?);
    Ok(OutboxWaits { events, unpublishable })
}

/// Counts what waits inside of the service of this database.
pub async fn inbox(db: &mut PgConnection) -> Result<InboxWaits, sqlx::Error> {
    let retries = format!(
        "select count(*), min(first_failed_at) from ballet.failure f \
         where next_at is not null and {}",
        is_in_no_inbox("f")
    );
    let retries = line(sqlx::query_as(AssertSqlSafe(retries)).fetch_one(&mut *db).await?);
    let calls = "select count(*), min(created_at) from ballet.call where closed_at is null";
    let calls = line(sqlx::query_as(calls).fetch_one(db).await?);
    Ok(InboxWaits { retries, calls })
}
