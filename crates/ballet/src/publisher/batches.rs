//! Who waits for which messages.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::memory::Memory;
use super::{OnPublished, OutBatch, Published, Refused};
use crate::batch_id::BatchId;
use crate::broker::Publish;

/// One message on its way, and whose it is.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) message: Publish,
    pub(super) position: i32,
    /// How often the broker did not take it.
    pub(super) attempts: u32,
    owner: u64,
}

enum Owner {
    Batch { batch: BatchId, left: usize, refused: Vec<Refused> },
    Single(oneshot::Sender<Result<(), String>>),
}

/// The batches and single messages that are not done.
pub(super) struct Batches {
    memory: Arc<Memory>,
    on_published: OnPublished,
    next: u64,
    open: HashMap<u64, Owner>,
}

impl Batches {
    pub(super) fn new(memory: Arc<Memory>, on_published: OnPublished) -> Self {
        Self { memory, on_published, next: 0, open: HashMap::new() }
    }

    /// How many messages of batches are in memory, also those not taken in yet.
    pub(super) fn in_memory(&self) -> usize {
        self.memory.messages()
    }

    /// Takes in a batch; yields its messages in order.
    pub(super) fn open(&mut self, out: OutBatch) -> impl Iterator<Item = Entry> {
        self.next += 1;
        let owner = self.next;
        let left = out.messages.len();
        if left == 0 {
            self.published(out.batch, Vec::new());
        } else {
            let batch = Owner::Batch { batch: out.batch, left, refused: Vec::new() };
            self.open.insert(owner, batch);
        }
        (0..).zip(out.messages).map(move |(position, message)| Entry {
            message,
            position,
            attempts: 0,
            owner,
        })
    }

    /// Takes in a message that somebody waits for.
    pub(super) fn open_single(
        &mut self,
        message: Publish,
        done: oneshot::Sender<Result<(), String>>,
    ) -> Entry {
        self.next += 1;
        self.open.insert(self.next, Owner::Single(done));
        Entry { message, position: 0, attempts: 0, owner: self.next }
    }

    /// Whether somebody still waits for it; if not, its owner is forgotten.
    pub(super) fn wanted(&mut self, entry: &Entry) -> bool {
        match self.open.get(&entry.owner) {
            Some(Owner::Single(done)) if done.is_closed() => {
                self.open.remove(&entry.owner);
                false
            }
            Some(_) => true,
            None => false,
        }
    }

    /// Whether it goes before the batches.
    pub(super) fn is_single(&self, entry: &Entry) -> bool {
        matches!(self.open.get(&entry.owner), Some(Owner::Single(_)))
    }

    /// The broker has the message.
    pub(super) fn confirmed(&mut self, entry: &Entry) {
        self.done(entry, None);
    }

    /// The message can never be published.
    pub(super) fn refused(&mut self, entry: &Entry, reason: String) {
        self.done(entry, Some(reason));
    }

    fn done(&mut self, entry: &Entry, reason: Option<String>) {
        let complete = match self.open.get_mut(&entry.owner) {
            Some(Owner::Batch { left, refused, .. }) => {
                if let Some(reason) = reason {
                    refused.push(Refused { position: entry.position, reason });
                }
                *left -= 1;
                *left == 0
            }
            Some(Owner::Single(_)) => {
                if let Some(Owner::Single(done)) = self.open.remove(&entry.owner) {
                    // Nobody waits any more when the time was up.
                    done.send(reason.map_or(Ok(()), Err)).ok();
                }
                return;
            }
            None => return,
        };
        if complete
            && let Some(Owner::Batch { batch, mut refused, .. }) = self.open.remove(&entry.owner)
        {
            refused.sort_by_key(|refused| refused.position);
            self.published(batch, refused);
        }
    }

    /// Reports before forgetting, so that a sweeper never sees the batch in neither place.
    fn published(&self, batch: BatchId, refused: Vec<Refused>) {
        (self.on_published)(Published { batch, refused });
        self.memory.forget(&batch);
    }
}
