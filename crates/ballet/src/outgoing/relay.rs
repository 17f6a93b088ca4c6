//! What becomes of a committed batch: handed to the publisher, and marked when it is published.
//!
//! A mark rides in the next batch's transaction, or in one of its own after a short idle time. It
//! is forgotten only when its carrier has committed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ballet_amqp::{BatchId, Handed, OutBatch, Publish, Published, PublisherHandle};
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::declare::clock::Clock;
use crate::outgoing::publishing::Publishing;
use crate::outgoing::spans::Spans;
use crate::tables::outbox;
use crate::tables::outbox::Mark;

pub(crate) struct Relay {
    /// This process's number.
    pub(crate) owner: i64,
    next: AtomicI64,
    /// Batches from before their commit until after their mark's.
    live: Mutex<HashMap<BatchId, Live>>,
    marks: Mutex<Vec<Mark>>,
    /// How many transactions that take marks along have begun, and how many are under way.
    carriers: AtomicU64,
    carrying: AtomicUsize,
    /// The writer of marks is told of each new one.
    pub(crate) marked: Notify,
    /// Lanes are told of each batch that is published.
    told: Notify,
    publisher: OnceLock<PublisherHandle>,
    clock: Clock,
    spans: Spans,
}

/// A batch in memory.
#[derive(Default)]
struct Live {
    is_published: bool,
    publishing: Publishing,
}

impl Relay {
    pub(crate) fn new(owner: i64, clock: Clock, spans: Spans) -> Self {
        Self {
            owner,
            next: AtomicI64::new(0),
            live: Mutex::default(),
            marks: Mutex::default(),
            carriers: AtomicU64::new(0),
            carrying: AtomicUsize::new(0),
            marked: Notify::new(),
            told: Notify::new(),
            publisher: OnceLock::new(),
            clock,
            spans,
        }
    }

    fn live(&self) -> MutexGuard<'_, HashMap<BatchId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn marks(&self) -> MutexGuard<'_, Vec<Mark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connect(&self, publisher: PublisherHandle) {
        if self.publisher.set(publisher).is_err() {
            tracing::error!("a second publisher was given to the relay");
        }
    }

    pub(crate) fn publisher(&self) -> Option<&PublisherHandle> {
        self.publisher.get()
    }

    /// Names a new batch and keeps it in memory. Before its commit is sent.
    pub(crate) fn begin(&self, now: Timestamp) -> BatchId {
        // Registered under one lock with drawing the number: the sweeper takes a number below
        // `next` that is not in memory for left behind.
        let mut live = self.live();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let batch = BatchId { owner: self.owner, number, table: outbox::table_at(now) };
        live.insert(batch, Live::default());
        batch
    }

    /// The batch rolled back, or nobody knows: if it is committed, the sweeper finds it.
    pub(crate) fn forget(&self, batch: BatchId) {
        self.live().remove(&batch);
    }

    /// Keeps the spans of a batch until it is published. Before it is handed to the publisher.
    pub(crate) fn watch(&self, batch: BatchId, publishing: Publishing) {
        if self.spans.are_on()
            && let Some(live) = self.live().get_mut(&batch)
        {
            live.publishing = publishing;
        }
    }

    /// Hands a committed batch to the publisher.
    pub(crate) fn committed(&self, batch: BatchId, messages: Vec<Publish>) {
        metrics::counter!("ballet_outbox_events_total").increment(messages.len() as u64);
        let handed = self.publisher().map(|to| to.send(OutBatch { batch, messages }));
        if handed != Some(Handed::Queued) {
            self.forget(batch);
        }
    }

    /// The publisher's word that a batch is published.
    pub(crate) fn published(&self, published: Published) {
        // Postgres has no text with a zero byte in it.
        let dead: Vec<(i32, String)> = published
            .unpublishable
            .into_iter()
            .map(|r| (r.position, r.reason.replace("\0", " ")))
            .collect();
        for (position, reason) in &dead {
            tracing::error!(batch = %published.batch, position, "an event can never be published, it is kept in ballet.outbox_dead: {reason}");
        }
        let publishing = self.live().get_mut(&published.batch).map(|live| {
            live.is_published = true;
            std::mem::take(&mut live.publishing)
        });
        if let Some(publishing) = publishing {
            publishing.end(&self.spans, self.clock.now(), &dead);
        }
        self.marks().push(Mark { batch: published.batch, dead });
        self.marked.notify_one();
        self.told.notify_waiters();
    }

    /// Returns when a batch is published, or is no longer in memory.
    pub(crate) async fn until_published(&self, batch: BatchId) {
        loop {
            let mut told = pin!(self.told.notified());
            told.as_mut().enable();
            if self.live().get(&batch).is_none_or(|live| live.is_published) {
                return;
            }
            told.await;
        }
    }

    /// Takes the marks that wait for a transaction. It ends with [`give_back`](Self::give_back) or
    /// [`marks_committed`](Self::marks_committed).
    pub(crate) fn take_marks(&self) -> Vec<Mark> {
        self.carriers.fetch_add(1, Ordering::Relaxed);
        self.carrying.fetch_add(1, Ordering::Relaxed);
        std::mem::take(&mut self.marks())
    }

    /// How many transactions have taken marks along so far, if none is under way.
    pub(crate) fn idle_since(&self) -> Option<u64> {
        let carriers = self.carriers.load(Ordering::Relaxed);
        (self.carrying.load(Ordering::Relaxed) == 0).then_some(carriers)
    }

    /// The carrier rolled back, or nobody knows: the marks are written again.
    pub(crate) fn give_back(&self, marks: Vec<Mark>) {
        self.carrying.fetch_sub(1, Ordering::Relaxed);
        if !marks.is_empty() {
            self.marks().extend(marks);
            self.marked.notify_one();
        }
    }

    /// The carrier committed.
    pub(crate) fn marks_committed(&self, marks: &[Mark]) {
        self.carrying.fetch_sub(1, Ordering::Relaxed);
        let mut live = self.live();
        for mark in marks {
            live.remove(&mark.batch);
        }
    }

    pub(crate) fn has_marks(&self) -> bool {
        !self.marks().is_empty()
    }

    /// The number that the next batch will get: batches from there on are none of a sweep's
    /// business that began before.
    pub(crate) fn next_number(&self) -> i64 {
        let _in_order_with_begin = self.live();
        self.next.load(Ordering::Relaxed)
    }

    /// The batches of a table that are in memory.
    pub(crate) fn live_of_table(&self, table: i16) -> Vec<BatchId> {
        self.live().keys().filter(|batch| batch.table == table).copied().collect()
    }

    /// Puts a batch that was left behind into memory; false if it is there.
    pub(crate) fn adopt(&self, batch: BatchId) -> bool {
        match self.live().entry(batch) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(Live::default());
                true
            }
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("owner", &self.owner).finish_non_exhaustive()
    }
}
