//! The batches in the publisher's memory, and the bounds on them.
//!
//! Batches that wait until somebody repairs the broker have a bound of their own, since they may
//! wait for hours while the others go on.

use std::collections::HashMap;
use std::ops::{AddAssign, SubAssign};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::publisher::batch::{BatchId, OutBatch};
use crate::publisher::settings::PublisherSettings;

/// The batches in memory, shared between the handles and the publisher's task.
#[derive(Debug)]
pub(super) struct BatchMemory {
    most: BatchSize,
    most_held: BatchSize,
    inner: Mutex<MemoryState>,
    has_room: watch::Sender<bool>,
    /// How often held batches could go.
    releases: AtomicU64,
}

#[derive(Debug, Default)]
struct MemoryState {
    batches: HashMap<BatchId, HeldBatch>,
    /// The size of the batches that are not held.
    total: BatchSize,
    held: BatchSize,
}

#[derive(Debug, Default)]
struct HeldBatch {
    size: BatchSize,
    is_held: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct BatchSize {
    messages: usize,
    bytes: usize,
}

impl BatchSize {
    fn fits(self, more: Self, most: Self) -> bool {
        self.messages + more.messages <= most.messages && self.bytes + more.bytes <= most.bytes
    }
}

impl AddAssign for BatchSize {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl SubAssign for BatchSize {
    fn sub_assign(&mut self, other: Self) {
        self.messages -= other.messages;
        self.bytes -= other.bytes;
    }
}

impl BatchMemory {
    pub(super) fn new(settings: &PublisherSettings) -> Self {
        let size = |messages, bytes| BatchSize { messages, bytes };
        Self {
            most: size(settings.max_in_memory, settings.max_bytes_in_memory),
            most_held: size(settings.max_held, settings.max_bytes_held),
            inner: Mutex::default(),
            has_room: watch::Sender::new(true),
            releases: AtomicU64::new(0),
        }
    }

    /// Takes in a batch, if there is room. A batch above the bound is taken in when the memory is
    /// empty, since it could never be published otherwise.
    pub(super) fn admit(&self, batch: &OutBatch) -> bool {
        let messages = batch.events();
        let bytes = batch.messages.iter().map(|(message, _)| message.body_len()).sum::<usize>();
        let size = BatchSize { messages, bytes };
        let mut inner = self.lock();
        if !inner.total.fits(size, self.most) && inner.total.messages > 0 {
            return false;
        }
        // A batch that is swept while on its way is handed over twice: published twice, forgotten
        // once.
        let known = inner.batches.entry(batch.batch).or_default();
        known.size += size;
        if known.is_held {
            inner.held += size;
        } else {
            inner.total += size;
        }
        self.tell_room(&inner);
        true
    }

    /// Counts a batch among those that are held until it is forgotten. Returns false if there is no
    /// room for it, unless it `must` be held.
    pub(super) fn hold(&self, batch: &BatchId, must: bool) -> bool {
        let mut inner = self.lock();
        let MemoryState { batches, total, held } = &mut *inner;
        let Some(known) = batches.get_mut(batch).filter(|known| !known.is_held) else {
            return true;
        };
        if !must && !held.fits(known.size, self.most_held) {
            return false;
        }
        known.is_held = true;
        *total -= known.size;
        *held += known.size;
        self.tell_room(&inner);
        true
    }

    pub(super) fn release(&self) {
        self.releases.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn releases(&self) -> u64 {
        self.releases.load(Ordering::Relaxed)
    }

    pub(super) fn forget(&self, batch: &BatchId) {
        let mut inner = self.lock();
        match inner.batches.remove(batch) {
            Some(HeldBatch { size, is_held: true }) => inner.held -= size,
            Some(HeldBatch { size, is_held: false }) => inner.total -= size,
            None => {}
        }
        self.tell_room(&inner);
    }

    pub(super) fn messages(&self) -> usize {
        let inner = self.lock();
        inner.total.messages + inner.held.messages
    }

    pub(super) fn has_room(&self) -> bool {
        *self.has_room.borrow()
    }

    pub(super) async fn room(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        self.has_room.subscribe().wait_for(|room| *room).await.ok();
    }

    fn tell_room(&self, inner: &MemoryState) {
        // As much as is there would fit once more.
        let room = inner.total.fits(inner.total, self.most);
        self.has_room.send_if_modified(|had| std::mem::replace(had, room) != room);
    }

    fn lock(&self) -> MutexGuard<'_, MemoryState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
