//! What the monitor has of the journal that the observer reads, and the violations on their way into the database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballet_core::System;
use ballet_ops::monitor::{Monitor, Violation, WatchedEntry};
use ballet_ops::stream::Record;
use ballet_store::database::connection::in_time;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgPool;
use tokio::time::sleep;

use crate::store::violations;

const WRITE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct WatchedJournal(Mutex<State>);

#[derive(Debug)]
struct State {
    monitor: Monitor,
    /// The place behind the last entry.
    next: i64,
}

impl WatchedJournal {
    pub(crate) fn new(system: &System, patience: SignedDuration) -> Self {
        Self(Mutex::new(State { monitor: Monitor::new(system, patience), next: 0 }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reading goes on here. Another console may have read what is in between.
    pub(super) fn goes_on(&self, place: i64) {
        let mut state = self.state();
        if state.next < place {
            state.monitor.gap();
        }
    }

    pub(super) fn take(&self, place: i64, record: &Record, now: Timestamp) {
        let mut state = self.state();
        state.next = place + 1;
        let offset = record.offset.unwrap_or_default();
        if let Some(entry) = WatchedEntry::of(record, offset, now) {
            state.monitor.take(&entry);
        }
    }

    pub(super) fn gap(&self) {
        self.state().monitor.gap();
    }

    pub(super) fn has_read_all(&self, now: Timestamp) {
        self.state().monitor.has_read_all(now);
    }
}

/// Writes what is found, forever. Without its database the console keeps the last ones.
pub(crate) async fn write(watched: Arc<WatchedJournal>, pool: PgPool) {
    let mut unwritten: Vec<Violation> = Vec::new();
    loop {
        sleep(WRITE_EVERY).await;
        unwritten.extend(watched.state().monitor.found());
        let excess = unwritten.len().saturating_sub(violations::MOST);
        unwritten.drain(..excess);
        if unwritten.is_empty() {
            continue;
        }
        match in_time(violations::add(&pool, &unwritten)).await {
            Ok(()) => {
                for one in &unwritten {
                    tracing::warn!(saga = ?one.saga, "{}: {}", one.property.as_str(), one.says);
                }
                unwritten.clear();
            }
            Err(error) => tracing::warn!("violations cannot be written: {error}"),
        }
    }
}
