//! Notices what keeps the service from working although its database answers: the disk is full, tables or
//! rights are gone, somebody holds a table for long.
//!
//! Messages show that late, if at all: each of them is tried again, or set aside, and none stands still.
//! A service without messages would notice nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet_core::Cause;
use ballet_store::database::connection::in_time;
use ballet_store::database::probe::NEEDS_ROOM;
use ballet_store::schema::hindrances::{Rights, TableLock, locks, own, rights};
use sqlx::{Executor, PgConnection};
use tokio::sync::watch;

use crate::declare::handler::failure::{Failure, server_is_away};
use crate::engine::database::Database;
use crate::engine::stopping::stopped;
use crate::outgoing::relay::Relay;

const EVERY: Duration = Duration::from_secs(5);
/// How often it looks for room on the disk. The server counts, and may log, each of these looks.
const ROOM_EVERY: Duration = Duration::from_secs(30);
/// How long somebody may hold a table. Messages that need it wait in retry queues meanwhile.
const LOCKED: Duration = Duration::from_secs(30);
/// The tables that list the tables of the service's migrations.
const LISTS: [&str; 2] = ["ballet.own_table", "ballet._service_migrations"];
/// The most hindrances that are named.
const NAMED: usize = 3;

/// Looks until the service stops, and says what it finds.
pub(crate) async fn watch(
    database: Arc<Database>,
    relay: Arc<Relay>,
    hindered: watch::Sender<Option<(Cause, String)>>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut known = EarlierLooks::default();
    loop {
        match look(&database, &relay, &mut known).await {
            Ok(found) => tell(&hindered, &found),
            // Without a database, others say so.
            Err(error) => tracing::debug!("what the service needs is not known: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stopped(&mut stopping) => return,
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

/// The findings of earlier looks.
#[derive(Debug, Default)]
struct EarlierLooks {
    /// The rights that there were when the service started.
    rights: Option<Rights>,
    /// The tables that the service's migrations have made.
    own: BTreeSet<String>,
    /// When there was room on the disk.
    room: Option<Instant>,
    /// Since when each lock is held.
    locks: BTreeMap<TableLock, Instant>,
    /// Since when tables of processes that are gone cannot be taken over.
    denied: Option<Instant>,
}

async fn look(
    database: &Database,
    relay: &Relay,
    known: &mut EarlierLooks,
) -> Result<Vec<(Cause, String)>, sqlx::Error> {
    let mut db = in_time(database.upkeep.acquire()).await?;
    let of = |cause: Cause| move |said: String| (cause, said);
    let mut found: Vec<_> = known.denied(relay).into_iter().map(of(Cause::Lock)).collect();
    let is_due = known.room.is_none_or(|at| at.elapsed() >= ROOM_EVERY);
    if is_due && let Err(error) = in_time(db.execute(NEEDS_ROOM)).await {
        known.room = None;
        // It is inside a transaction that has failed.
        db.close_on_drop();
        if !server_is_away(&error) {
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

impl EarlierLooks {
    async fn rights(&mut self, db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
        let now = in_time(rights(db)).await?;
        // Where these are out of reach, what was read before holds.
        let may_read = |list: &&str| now.get(*list).is_some_and(|may| may.contains("SELECT"));
        if LISTS.iter().all(may_read) {
            self.own = in_time(own(db)).await?;
        }
        let before = self.rights.get_or_insert_with(|| now.clone());
        Ok(missing(&self.own, before, &now))
    }

    /// Names the tables that somebody holds for too long.
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

    /// Says what is left behind, and cannot be taken over for too long.
    fn denied(&mut self, relay: &Relay) -> Vec<String> {
        let denied = relay.turns.denied();
        if denied.events == 0 {
            self.denied = None;
            return Vec::new();
        }
        let since = *self.denied.get_or_insert_with(Instant::now);
        let said = || {
            format!(
                "{} events of processes that are gone cannot be published: somebody holds \
                 ballet.outbox_table",
                denied.events
            )
        };
        (since.elapsed() >= LOCKED).then(said).into_iter().collect()
    }
}

/// Names what the service needs, and what is not there any more. Tables that others have made come and go.
fn missing(own: &BTreeSet<String>, before: &Rights, now: &Rights) -> Vec<String> {
    let framework = before.keys().filter(|name| name.starts_with("ballet."));
    let needed: BTreeSet<&str> = framework.chain(own).map(String::as_str).collect();
    let gone: Vec<&str> = needed.iter().copied().filter(|name| !now.contains_key(*name)).collect();
    let mut missing = Vec::new();
    if !gone.is_empty() {
        let more = gone.len().saturating_sub(NAMED);
        let named = gone[..gone.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        missing.push(format!("{named}{more} cannot be found: dropped, renamed or out of reach"));
    }
    for (name, rights) in before.iter().filter(|(name, _)| needed.contains(&***name)) {
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
    use super::*;

    fn rights(all: &[(&str, &[&str])]) -> Rights {
        let set = |rights: &[&str]| rights.iter().map(ToString::to_string).collect();
        all.iter().map(|(name, rights)| ((*name).to_owned(), set(rights))).collect()
    }

    #[test]
    fn t222_what_is_gone_is_named_and_what_is_new_is_not() {
        let before = rights(&[
            ("room", &["INSERT", "SELECT"]),
            ("ballet.inbox", &["INSERT"]),
            ("scratch", &["SELECT"]),
            ("report", &["SELECT", "UPDATE"]),
        ]);
        let now = rights(&[("room", &["SELECT"]), ("other", &["SELECT"]), ("report", &["SELECT"])]);
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        assert_eq!(
            missing(&own(&["guest", "room"]), &before, &now),
            [
                "ballet.inbox, guest cannot be found: dropped, renamed or out of reach",
                "the right to INSERT on room is gone"
            ]
        );
        assert_eq!(missing(&own(&["room"]), &before, &before), [""; 0]);
        let many = (0..9).map(|n| format!("t{n}")).collect();
        let said = missing(&many, &Rights::new(), &Rights::new());
        assert_eq!(
            said,
            ["t0, t1, t2 and 6 more cannot be found: dropped, renamed or out of reach"]
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
