//! The batches in the publisher's memory, and the bound on them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::publisher::batch::{BatchId, OutBatch};

/// The batches in memory, shared between the handles and the publisher's task.
#[derive(Debug)]
pub(super) struct Memory {
    max_messages: usize,
    max_bytes: usize,
    held: Mutex<Held>,
    spilled: watch::Sender<u64>,
    has_room: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Held {
    batches: HashMap<BatchId, Size>,
    total: Size,
}

#[derive(Debug, Default, Clone, Copy)]
struct Size {
    messages: usize,
    bytes: usize,
}

impl Memory {
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self {
            max_messages,
            max_bytes,
            held: Mutex::default(),
            spilled: watch::Sender::new(0),
            has_room: watch::Sender::new(true),
        }
    }

    /// Takes in a batch, or counts it as spilled. A batch larger than the bound is taken in when
    /// the memory is empty, since it could never be published otherwise.
    pub(super) fn admit(&self, batch: &OutBatch) -> bool {
        let messages = batch.messages.len();
        let bytes = batch.messages.iter().map(|message| message.body.len()).sum::<usize>();
        let mut held = self.lock();
        let fits = held.total.messages + messages <= self.max_messages
            && held.total.bytes + bytes <= self.max_bytes;
        if !fits && held.total.messages > 0 {
            drop(held);
            self.spill();
            return false;
        }
        // A batch that is swept while on its way is handed over twice: published twice, forgotten
        // once.
        let size = held.batches.entry(batch.batch).or_default();
        size.messages += messages;
        size.bytes += bytes;
        held.total.messages += messages;
        held.total.bytes += bytes;
        self.tell_room(&held);
        true
    }

    pub(super) fn spill(&self) {
        self.spilled.send_modify(|count| *count += 1);
    }

    pub(super) fn forget(&self, batch: &BatchId) {
        let mut held = self.lock();
        if let Some(size) = held.batches.remove(batch) {
            held.total.messages -= size.messages;
            held.total.bytes -= size.bytes;
        }
        self.tell_room(&held);
    }

    pub(super) fn holds(&self, batch: &BatchId) -> bool {
        self.lock().batches.contains_key(batch)
    }

    pub(super) fn messages(&self) -> usize {
        self.lock().total.messages
    }

    pub(super) fn has_room(&self) -> bool {
        *self.has_room.borrow()
    }

    pub(super) async fn room(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        self.has_room.subscribe().wait_for(|room| *room).await.ok();
    }

    pub(super) fn spilled(&self) -> watch::Receiver<u64> {
        self.spilled.subscribe()
    }

    fn tell_room(&self, held: &Held) {
        let room =
            held.total.messages * 2 <= self.max_messages && held.total.bytes * 2 <= self.max_bytes;
        self.has_room.send_if_modified(|had| std::mem::replace(had, room) != room);
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
