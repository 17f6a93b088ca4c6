//! The relay hands committed batches to the publisher, and collects the marks of published ones.
//!
//! The next batch's transaction writes the marks of its own table, or a separate one after a short
//! idle time. Those of other tables are always written separately, so that a broken table fails no
//! batch. A mark is forgotten only when its transaction has committed.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ballet_amqp::{BatchId, Handover, LeftBehind, OutBatch, PublishedBatch, PublisherHandle};
use ballet_store::outbox::batches::Mark;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::declare::handler::clock::Clock;
use crate::outgoing::held_batches::HeldBatches;
use crate::outgoing::publishing::PublishSpans;
use crate::outgoing::spans::Spans;
use crate::outgoing::turns::Turns;

pub(crate) struct Relay {
    pub(crate) process: i64,
    pub(crate) turns: Turns,
    next: AtomicI64,
    /// Batches from before their commit until after the commit of their mark.
    live: Mutex<HashMap<BatchId, LiveBatch>>,
    /// The batches in memory whose other events are left behind in their table.
    pub(crate) held: HeldBatches,
    marks: Mutex<Vec<Mark>>,
    /// The number of mark-writing transactions started so far, and of those now running.
    carriers: AtomicU64,
    carrying: AtomicUsize,
    pub(crate) marked: Notify,
    published: Notify,
    publisher: OnceLock<PublisherHandle>,
    clock: Clock,
    spans: Spans,
}

struct LiveBatch {
    /// The events that are not published.
    events: usize,
    since: Timestamp,
    is_published: bool,
    /// Whether events of it wait in its table until somebody repairs the broker.
    is_held: bool,
    publishing: PublishSpans,
    /// The position of each message, if the batch was read back.
    positions: Vec<i32>,
    /// The rows that could not be read back, or that can never be published.
    unreadable: Vec<(i32, String)>,
}

impl LiveBatch {
    fn new(events: usize, since: Timestamp) -> Self {
        Self {
            events,
            since,
            is_published: false,
            is_held: false,
            publishing: PublishSpans::default(),
            positions: Vec::new(),
            unreadable: Vec::new(),
        }
    }
}

impl Relay {
    /// `first` is the outbox table that the process writes to first.
    pub(crate) fn new(process: i64, first: i16, clock: Clock, spans: Spans) -> Self {
        Self {
            process,
            turns: Turns::new(first, clock.now()),
            next: AtomicI64::new(0),
            live: Mutex::default(),
            held: HeldBatches::default(),
            marks: Mutex::default(),
            carriers: AtomicU64::new(0),
            carrying: AtomicUsize::new(0),
            marked: Notify::new(),
            published: Notify::new(),
            publisher: OnceLock::new(),
            clock,
            spans,
        }
    }

    fn live(&self) -> MutexGuard<'_, HashMap<BatchId, LiveBatch>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn marks(&self) -> MutexGuard<'_, Vec<Mark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connect(&self, publisher: PublisherHandle) {
        if self.publisher.set(publisher).is_err() {
            tracing::error!("the relay already has a publisher; ignoring the second one");
        }
    }

    pub(crate) fn publisher(&self) -> Option<&PublisherHandle> {
        self.publisher.get()
    }

    /// Called before the commit is sent.
    pub(crate) fn begin(&self, table: i16, events: usize, now: Timestamp) -> BatchId {
        // One lock covers drawing the number and registering the batch, since the sweeper treats a
        // number below `next` that is not in memory as left behind.
        let mut live = self.live();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let batch = BatchId { process: self.process, number, table };
        live.insert(batch, LiveBatch::new(events, now));
        self.turns.wrote(events);
        batch
    }

    pub(crate) fn forget(&self, batch: BatchId) {
        self.live().remove(&batch);
    }

    /// Leaves a batch to the sweeper, because its commit is uncertain, or memory is full.
    pub(crate) fn leave(&self, batch: BatchId) {
        // Noted first, since a table with neither a live batch nor a note may be emptied.
        let live = self.live().get(&batch).map(|live| (live.events, live.since));
        let (events, since) = live.unzip();
        self.turns.note_left(batch.table, events.unwrap_or_default(), since);
        self.live().remove(&batch);
    }

    /// Called before the handover to the publisher.
    pub(crate) fn begin_spans(
        &self,
        batch: BatchId,
        begin: impl FnOnce(&Spans, &Clock) -> PublishSpans,
    ) {
        if self.spans.are_on() {
            let publishing = begin(&self.spans, &self.clock);
            if let Some(live) = self.live().get_mut(&batch) {
                live.publishing = publishing;
            }
        }
    }

    /// Remembers what of a batch that was left behind is handed over, and what could not be read.
    pub(crate) fn read_back(
        &self,
        batch: BatchId,
        positions: Vec<i32>,
        unreadable: Vec<(i32, String)>,
    ) {
        metrics::counter!("ballet_unpublishable_total").increment(unreadable.len() as u64);
        for (position, reason) in &unreadable {
            tracing::error!(
                %batch, position,
                "an event cannot be read back, it is kept in ballet.outbox_dead: {reason}"
            );
        }
        if let Some(live) = self.live().get_mut(&batch) {
            live.positions = positions;
            live.unreadable.extend(unreadable);
        }
    }

    pub(crate) fn committed(&self, out: OutBatch) {
        metrics::counter!("ballet_outbox_events_total").increment(out.events() as u64);
        let batch = out.batch;
        let handed = self.publisher().map(|to| to.send(out));
        if handed != Some(Handover::Queued) {
            self.leave(batch);
        }
    }

    /// Records the publisher's report that a batch is published, or that the rest of it is left behind.
    pub(crate) fn published(&self, published: PublishedBatch) {
        for event in &published.unpublishable {
            tracing::error!(
                r#type = event.routing_key,
                id = event.message_id,
                saga = event.correlation_id,
                "an event can never be published as it is, `ballet outbox list` shows it: {}",
                event.reason
            );
        }
        // Postgres does not store zero bytes in text.
        let mut dead: Vec<(i32, String)> = published
            .unpublishable
            .into_iter()
            .map(|r| (r.position, r.reason.replace("\0", " ")))
            .collect();
        if let Some(left_behind) = published.left_behind {
            return self.hold(published.batch, left_behind, dead);
        }
        let live = self.live().get_mut(&published.batch).map(|live| {
            live.is_published = true;
            let positions = std::mem::take(&mut live.positions);
            (std::mem::take(&mut live.publishing), positions, std::mem::take(&mut live.unreadable))
        });
        if let Some((publishing, positions, unreadable)) = live {
            publishing.end(&self.spans, self.clock.now(), &dead);
            for (position, _) in &mut dead {
                *position = of_row(*position, &positions);
            }
            dead.extend(unreadable);
        }
        self.marks().push(Mark { batch: published.batch, dead });
        self.marked.notify_one();
        self.published.notify_waiters();
    }

    /// Keeps a batch whose events are left behind in its table until somebody repairs the broker.
    /// It is unmarked, and no sweep finds it, since that would publish the other events again.
    fn hold(&self, batch: BatchId, mut left_behind: LeftBehind, dead: Vec<(i32, String)>) {
        {
            let mut live = self.live();
            // One that is no longer in memory is found by a sweep.
            let Some(live) = live.get_mut(&batch) else { return };
            let mut publishing = std::mem::take(&mut live.publishing);
            publishing.forget(&left_behind.positions);
            publishing.end(&self.spans, self.clock.now(), &dead);
            let positions = std::mem::take(&mut live.positions);
            let dead = dead.into_iter().map(|(at, reason)| (of_row(at, &positions), reason));
            live.unreadable.extend(dead);
            for position in &mut left_behind.positions {
                *position = of_row(*position, &positions);
            }
            (live.events, live.is_held) = (left_behind.positions.len(), true);
        }
        self.held.add(batch, left_behind);
        self.published.notify_waiters();
    }

    /// Returns when a batch is published, but for held events, or is no longer in memory.
    pub(crate) async fn until_published(&self, batch: BatchId) {
        loop {
            let mut published = pin!(self.published.notified());
            published.as_mut().enable();
            if self.live().get(&batch).is_none_or(|live| live.is_published || live.is_held) {
                return;
            }
            published.await;
        }
    }

    /// Takes the waiting marks of one table for a transaction. The caller then calls
    /// [`give_back`](Self::give_back) or [`marks_committed`](Self::marks_committed).
    pub(crate) fn take_marks(&self, table: i16) -> Vec<Mark> {
        self.carriers.fetch_add(1, Ordering::Relaxed);
        self.carrying.fetch_add(1, Ordering::Relaxed);
        let mut marks = self.marks();
        if marks.iter().all(|mark| mark.batch.table == table) {
            return std::mem::take(&mut marks);
        }
        marks.extract_if(.., |mark| mark.batch.table == table).collect()
    }

    pub(crate) fn marked_tables(&self) -> BTreeSet<i16> {
        self.marks().iter().map(|mark| mark.batch.table).collect()
    }

    /// Returns the number of mark-writing transactions so far, or `None` if one is running.
    pub(crate) fn idle_since(&self) -> Option<u64> {
        let carriers = self.carriers.load(Ordering::Relaxed);
        (self.carrying.load(Ordering::Relaxed) == 0).then_some(carriers)
    }

    /// Returns the marks of a transaction that rolled back or whose commit is uncertain, to be
    /// written again.
    pub(crate) fn give_back(&self, marks: Vec<Mark>) {
        self.carrying.fetch_sub(1, Ordering::Relaxed);
        if !marks.is_empty() {
            self.marks().extend(marks);
            self.marked.notify_one();
        }
    }

    /// Forgets the batches of these marks, whose transaction has committed.
    pub(crate) fn marks_committed(&self, marks: &[Mark]) {
        self.carrying.fetch_sub(1, Ordering::Relaxed);
        let mut live = self.live();
        for mark in marks {
            live.remove(&mark.batch);
        }
    }

    /// A sweep ignores batches from this number on, since they began after it.
    pub(crate) fn next_number(&self) -> i64 {
        let _in_order_with_begin = self.live();
        self.next.load(Ordering::Relaxed)
    }

    pub(crate) fn live_of_table(&self, table: i16) -> Vec<BatchId> {
        self.live().keys().filter(|batch| batch.table == table).copied().collect()
    }

    /// Returns true if batches of a table are in memory and nobody has to repair the broker first.
    pub(crate) fn is_under_way(&self, table: i16) -> bool {
        self.live().iter().any(|(batch, live)| batch.table == table && !live.is_held)
    }

    /// Puts a batch that was left behind into memory. Returns false if it is already there.
    pub(crate) fn adopt(&self, batch: BatchId, events: usize, since: Timestamp) -> bool {
        match self.live().entry(batch) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(LiveBatch::new(events, since));
                true
            }
        }
    }

    /// Returns the number of unpublished events, committed or being committed, and the time of the
    /// oldest.
    pub(crate) fn unpublished(&self) -> (i64, Option<Timestamp>) {
        let left = self.turns.left();
        let live = self.live();
        let waiting = || live.values().filter(|live| !live.is_published);
        let in_memory = i64::try_from(waiting().map(|live| live.events).sum::<usize>());
        let events = in_memory.unwrap_or(i64::MAX) + left.values().map(|l| l.events).sum::<i64>();
        let since = waiting().map(|live| live.since);
        (events, since.chain(left.values().filter_map(|left| left.since)).min())
    }
}

/// The position in the table of a message at this position among those that were handed over.
fn of_row(at: i32, positions: &[i32]) -> i32 {
    usize::try_from(at).ok().and_then(|at| positions.get(at)).copied().unwrap_or(at)
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("process", &self.process).finish_non_exhaustive()
    }
}
