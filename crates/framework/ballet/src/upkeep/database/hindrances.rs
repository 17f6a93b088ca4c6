//! Notices what keeps the service from working although its database answers: a full disk, missing
//! tables or rights, a table that somebody holds for long.
//!
//! Messages show that late, if at all, since each of them is tried again, or set aside. A service
//! without messages would notice nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet_core::Cause;
use ballet_store::database::connection::{in_time, sql_state};
use ballet_store::database::probe::NEEDS_ROOM;
use ballet_store::schema::hindrances::{Rights, TableLock, locks, rights};
use sqlx::{Executor, PgConnection};
use tokio::sync::watch;

use crate::declare::handler::failure::Failure;
use crate::engine::database::Database;
use crate::engine::stopping::waited;

const EVERY: Duration = Duration::from_secs(5);
/// How often it looks for room on the disk. The server counts, and may log, each of these looks.
const ROOM_EVERY: Duration = Duration::from_secs(30);
/// How long somebody may hold a table. Messages that need it wait in retry queues meanwhile.
const LOCKED: Duration = Duration::from_secs(30);
/// The maximum number of hindrances that are named.
const NAMED: usize = 3;

pub(crate) async fn watch(
    database: Arc<Database>,
    hindered: watch::Sender<Option<(Cause, String)>>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut known = EarlierLooks::default();
    loop {
        match look(&database, &mut known).await {
            Ok(found) => tell(&hindered, &found),
            // Without a database, others say so.
            Err(error) => tracing::debug!("what the service needs is not known: {error}"),
        }
        if !waited(&mut stopping, EVERY).await {
            return;
        }
    }
}

fn tell(hindered: &watch::Sender<Option<(Cause, String)>>, found: &[(Cause, String)]) {
    let more = found.len().saturating_sub(NAMED);
    let named: Vec<&str> = found.iter().take(NAMED).map(|(_, said)| &**said).collect();
    let mut said = named.join("; ");
    if more > 0 {
        said = format!("{said}; and {more} more");
    }
    let now = found.first().map(|(cause, _)| (*cause, said));
    hindered.send_if_modified(|before| {
        match (&now, &*before) {
            (Some((_, said)), None) => tracing::error!("the service cannot work: {said}"),
            (None, Some(_)) => tracing::info!("nothing keeps the service from working any more"),
            _ => {}
        }
        let is_news = now != *before;
        *before = now;
        is_news
    });
}

#[derive(Debug, Default)]
struct EarlierLooks {
    /// The rights that there were when the service started.
    rights: Option<Rights>,
    /// When there was room on the disk.
    room: Option<Instant>,
    /// Since when each lock is held.
    locks: BTreeMap<TableLock, Instant>,
}

async fn look(
    database: &Database,
    known: &mut EarlierLooks,
) -> Result<Vec<(Cause, String)>, sqlx::Error> {
    let mut db = in_time(database.upkeep.acquire()).await?;
    let of = |cause: Cause| move |said: String| (cause, said);
    let mut found = Vec::new();
    let is_due = known.room.is_none_or(|at| at.elapsed() >= ROOM_EVERY);
    if is_due && let Err(error) = in_time(db.execute(NEEDS_ROOM)).await {
        known.room = None;
        // It is inside a transaction that has failed.
        db.close_on_drop();
        if !is_full(&error) {
            return Err(error);
        }
        let why = error.to_string();
        database.is_away(&Failure::from(error));
        found.push((Cause::Room, format!("the database takes no more: {why}")));
        return Ok(found);
    }
    if is_due {
        known.room = Some(Instant::now());
    }
    found.extend(known.rights(&mut db).await?.into_iter().map(of(Cause::Right)));
    let locks = in_time(locks(&mut db)).await?;
    found.extend(known.locked(locks, Instant::now()).into_iter().map(of(Cause::Lock)));
    Ok(found)
}

/// Whether the server itself says that it has too little of something. One that is lost meanwhile says nothing.
fn is_full(error: &sqlx::Error) -> bool {
    sql_state(error).is_some_and(|code| code.starts_with("53"))
}

impl EarlierLooks {
    async fn rights(&mut self, db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
        let now = in_time(rights(db)).await?;
        let before = self.rights.get_or_insert_with(|| now.clone());
        Ok(missing(before, &now))
    }

    fn locked(&mut self, locks: Vec<TableLock>, moment: Instant) -> Vec<String> {
        let since = |lock: &TableLock| self.locks.get(lock).copied().unwrap_or(moment);
        self.locks = locks.into_iter().map(|lock| (lock.clone(), since(&lock))).collect();
        let long =
            self.locks.iter().map(|(lock, since)| (lock, moment.saturating_duration_since(*since)));
        let long = long.filter(|(_, held)| *held >= LOCKED).map(|(lock, held)| {
            let TableLock { table, mode, holder, .. } = lock;
            format!("{holder} has locked the table {table} for {} s ({mode})", held.as_secs())
        });
        long.collect()
    }
}

/// Names the missing tables and rights of the framework. The next release may drop a table of the
/// service's own, and a statement that needs it fails and is named.
fn missing(before: &Rights, now: &Rights) -> Vec<String> {
    let framework = before.keys().filter(|name| name.starts_with("ballet."));
    let gone: Vec<&str> =
        framework.filter(|name| !now.contains_key(*name)).map(String::as_str).collect();
    let mut missing = Vec::new();
    if !gone.is_empty() {
        let more = gone.len().saturating_sub(NAMED);
        let named = gone[..gone.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        missing.push(format!("{named}{more} cannot be found: dropped, renamed or out of reach"));
    }
    for (name, rights) in before {
        let Some(now) = now.get(name) else { continue };
        let lost: Vec<&str> = rights.difference(now).map(String::as_str).collect();
        if !lost.is_empty() {
            missing.push(format!("the right to {} on {name} is gone", lost.join(", ")));
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ballet_stage::{Database as TestDatabase, Postgres};
    use sqlx::Connection;

    use super::*;

    fn rights(all: &[(&str, &[&str])]) -> Rights {
        let set = |rights: &[&str]| rights.iter().map(ToString::to_string).collect();
        all.iter().map(|(name, rights)| ((*name).to_owned(), set(rights))).collect()
    }

    #[tokio::test]
    async fn a_server_that_is_lost_while_it_is_looked_for_room_is_not_full() {
        let server = Postgres::shared().await.expect("a server");
        let place = TestDatabase::new(server, "room").await.expect("one");
        for (code, full) in [("53100", true), ("57P01", false)] {
            let mut db = PgConnection::connect(place.url()).await.expect("a session");
            let says = format!("do $$ begin raise exception using errcode = '{code}'; end $$");
            let error = db.execute(sqlx::AssertSqlSafe(says)).await.expect_err("it says so");
            assert_eq!(is_full(&error), full, "{error}");
        }
        assert!(!is_full(&sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into())));
    }

    #[test]
    fn t222_what_is_gone_is_named_and_what_is_new_is_not() {
        let before = rights(&[
            ("room", &["INSERT", "SELECT"]),
            ("ballet.inbox", &["INSERT"]),
            ("scratch", &["SELECT"]),
        ]);
        let now = rights(&[("room", &["SELECT"]), ("other", &["SELECT"])]);
        assert_eq!(
            missing(&before, &now),
            [
                "ballet.inbox cannot be found: dropped, renamed or out of reach",
                "the right to INSERT on room is gone"
            ]
        );
        assert_eq!(missing(&before, &before), [""; 0]);
        let many = (0..9).map(|n| (format!("ballet.t{n}"), BTreeSet::new())).collect();
        let said = missing(&many, &Rights::new());
        assert_eq!(
            said,
            [
                "ballet.t0, ballet.t1, ballet.t2 and 6 more cannot be found: dropped, renamed or out of reach"
            ]
        );
    }

    #[test]
    fn t222_only_a_lock_that_is_held_for_long_is_told() {
        let lock = |transaction: &str| TableLock {
            transaction: transaction.to_owned(),
            table: "room".to_owned(),
            mode: "AccessExclusiveLock".to_owned(),
            holder: "the server process 7 (psql, ada)".to_owned(),
            end: String::new(),
            since: None,
        };
        let (mut known, begun) = (EarlierLooks::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(known.locked(vec![lock("3/1")], at(0)), [""; 0]);
        assert_eq!(known.locked(vec![lock("3/1"), lock("4/1")], at(29)), [""; 0]);
        let said = known.locked(vec![lock("3/1"), lock("4/1")], at(30));
        assert_eq!(
            said,
            [
                "the server process 7 (psql, ada) has locked the table room for 30 s (AccessExclusiveLock)"
            ]
        );
        // Others take it one after the other.
        assert_eq!(known.locked(vec![lock("3/2")], at(60)), [""; 0]);
        assert_eq!(known.locked(Vec::new(), at(90)), [""; 0]);
    }
}
