//! Maps each message on its way to its batch or to the caller that waits for it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::pack::apart;
use crate::publisher::batch::{
    BatchId, LeftBehind, OnPublished, OutBatch, PublishedBatch, Unpublishable,
};
use crate::publisher::memory::BatchMemory;
use crate::publisher::outgoing::Outgoing;
use crate::session::message::{Publish, text_of};

#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) message: Arc<dyn Outgoing>,
    /// The positions of its events in the batch.
    pub(super) positions: Vec<i32>,
    /// How often the broker did not accept it.
    pub(super) attempts: u32,
    /// How often the channel closed while this message was alone on it.
    pub(super) strikes: u32,
    /// The number of messages that the broker had confirmed by the last time.
    pub(super) struck_at: u64,
    waiter: u64,
}

impl InFlight {
    fn new(message: Arc<dyn Outgoing>, positions: Vec<i32>, waiter: u64) -> Self {
        Self { message, positions, attempts: 0, strikes: 0, struck_at: 0, waiter }
    }
}

#[derive(Debug)]
pub(super) enum NotSent {
    Never(String),
    /// The broker did not take it this time.
    NotTaken(String),
}

enum Waiter {
    Batch {
        batch: BatchId,
        left: usize,
        unpublishable: Vec<Unpublishable>,
        left_behind: Option<LeftBehind>,
    },
    Single {
        patient: bool,
        done: oneshot::Sender<Result<(), NotSent>>,
    },
}

pub(super) struct Batches {
    memory: Arc<BatchMemory>,
    on_published: OnPublished,
    next: u64,
    open: HashMap<u64, Waiter>,
}

impl Batches {
    pub(super) fn new(memory: Arc<BatchMemory>, on_published: OnPublished) -> Self {
        Self { memory, on_published, next: 0, open: HashMap::new() }
    }

    /// Returns the number of batch messages in memory, including those not taken in yet.
    pub(super) fn in_memory(&self) -> usize {
        self.memory.messages()
    }

    pub(super) fn open(&mut self, out: OutBatch) -> impl Iterator<Item = InFlight> {
        self.next += 1;
        let waiter = self.next;
        let left = out.messages.len();
        if left == 0 {
            self.published(out.batch, Vec::new(), None);
        } else {
            let (batch, unpublishable) = (out.batch, Vec::new());
            let batch = Waiter::Batch { batch, left, unpublishable, left_behind: None };
            self.open.insert(waiter, batch);
        }
        let in_flight = move |(message, positions)| InFlight::new(message, positions, waiter);
        out.messages.into_iter().map(in_flight)
    }

    /// Splits a pack that can never be published, since one of its members, or its size, may be the
    /// cause. Returns nothing for another message.
    pub(super) fn split(&mut self, entry: &InFlight) -> Vec<InFlight> {
        let members = apart(&entry.message.to_publish());
        let Some(Waiter::Batch { left, .. }) = self.open.get_mut(&entry.waiter) else {
            return Vec::new();
        };
        if members.len() != entry.positions.len() || members.is_empty() {
            return Vec::new();
        }
        *left += members.len() - 1;
        let alone = |(member, position): (Publish, &i32)| {
            InFlight::new(Arc::new(member), vec![*position], entry.waiter)
        };
        members.into_iter().zip(&entry.positions).map(alone).collect()
    }

    pub(super) fn open_single(
        &mut self,
        message: Arc<dyn Outgoing>,
        patient: bool,
        done: oneshot::Sender<Result<(), NotSent>>,
    ) -> InFlight {
        self.next += 1;
        self.open.insert(self.next, Waiter::Single { patient, done });
        InFlight::new(message, Vec::new(), self.next)
    }

    /// Returns true if the message still has a waiter. Forgets a waiter that has given up.
    pub(super) fn wanted(&mut self, entry: &InFlight) -> bool {
        match self.open.get(&entry.waiter) {
            Some(Waiter::Single { done, .. }) if done.is_closed() => {
                self.open.remove(&entry.waiter);
                false
            }
            Some(_) => true,
            None => false,
        }
    }

    /// Returns true for a single message. Single messages go before batches.
    pub(super) fn is_single(&self, entry: &InFlight) -> bool {
        matches!(self.open.get(&entry.waiter), Some(Waiter::Single { .. }))
    }

    /// Returns true if the message is to be published again when the broker does not take it.
    pub(super) fn is_patient(&self, entry: &InFlight) -> bool {
        !matches!(self.open.get(&entry.waiter), Some(Waiter::Single { patient: false, .. }))
    }

    /// Records that the broker did not take the message of a caller who does not wait for it.
    pub(super) fn not_taken(&mut self, entry: &InFlight, reason: String) {
        self.done(entry, Some(NotSent::NotTaken(reason)));
    }

    pub(super) fn confirmed(&mut self, entry: &InFlight) {
        self.done(entry, None);
    }

    pub(super) fn unpublishable(&mut self, entry: &InFlight, reason: String) {
        self.done(entry, Some(NotSent::Never(reason)));
    }

    /// Returns true if memory has room for a message that waits until somebody repairs the broker.
    /// The `first` one of its kind always stays, to be tried.
    pub(super) fn may_wait(&self, entry: &InFlight, first: bool) -> bool {
        match self.open.get(&entry.waiter) {
            Some(Waiter::Batch { batch, .. }) => self.memory.hold(batch, first),
            Some(Waiter::Single { .. }) | None => true,
        }
    }

    /// Leaves a message behind in the outbox. Only messages of batches are there.
    pub(super) fn leave_behind(&mut self, entry: &InFlight) {
        if let Some(Waiter::Batch { left_behind, .. }) = self.open.get_mut(&entry.waiter) {
            let none =
                || LeftBehind { positions: Vec::new(), bytes: 0, releases: self.memory.releases() };
            let left_behind = left_behind.get_or_insert_with(none);
            left_behind.positions.extend(&entry.positions);
            left_behind.bytes += entry.message.body_len();
            self.done(entry, None);
        }
    }

    /// Records that messages that waited for a repair of the broker may go.
    pub(super) fn released(&self) {
        self.memory.release();
    }

    fn done(&mut self, entry: &InFlight, failure: Option<NotSent>) {
        let complete = match self.open.get_mut(&entry.waiter) {
            Some(Waiter::Batch { left, unpublishable, .. }) => {
                if let Some(NotSent::Never(reason)) = failure {
                    let Publish { routing_key, properties, .. } = entry.message.to_publish();
                    let of_event = |position: &i32| Unpublishable {
                        position: *position,
                        routing_key: routing_key.clone(),
                        message_id: text_of(properties.message_id()).unwrap_or_default(),
                        correlation_id: text_of(properties.correlation_id()),
                        reason: reason.clone(),
                    };
                    unpublishable.extend(entry.positions.iter().map(of_event));
                }
                *left -= 1;
                *left == 0
            }
            Some(Waiter::Single { .. }) => {
                if let Some(Waiter::Single { done, .. }) = self.open.remove(&entry.waiter) {
                    // The caller is gone if its time was up.
                    done.send(failure.map_or(Ok(()), Err)).ok();
                }
                return;
            }
            None => return,
        };
        if complete
            && let Some(Waiter::Batch { batch, mut unpublishable, mut left_behind, .. }) =
                self.open.remove(&entry.waiter)
        {
            unpublishable.sort_by_key(|unpublishable| unpublishable.position);
            if let Some(left_behind) = &mut left_behind {
                left_behind.positions.sort_unstable();
            }
            self.published(batch, unpublishable, left_behind);
        }
    }

    /// Reports first and forgets second. The sweeper thus always finds the batch in memory or
    /// marked.
    fn published(
        &self,
        batch: BatchId,
        unpublishable: Vec<Unpublishable>,
        left_behind: Option<LeftBehind>,
    ) {
        (self.on_published)(PublishedBatch { batch, unpublishable, left_behind });
        self.memory.forget(&batch);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bytes::Bytes;
    use lapin::BasicProperties;

    use super::*;
    use crate::pack::pack;
    use crate::publisher::settings::PublisherSettings;

    fn event(number: u32) -> Publish {
        Publish {
            exchange: "events".to_owned(),
            routing_key: "a.b.v1".to_owned(),
            mandatory: true,
            properties: BasicProperties::default()
                .with_message_id(format!("0193f7a0-0000-7000-8000-{number:012}").into())
                .with_type("a.b.v1".into())
                .with_app_id("a".into()),
            body: Bytes::from_static(b"{}"),
        }
    }

    #[test]
    fn the_events_of_a_refused_pack_keep_their_positions() {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&reports);
        let memory = Arc::new(BatchMemory::new(&PublisherSettings::new("a", "1")));
        let mut batches =
            Batches::new(memory, Arc::new(move |report| noted.lock().unwrap().push(report)));
        let messages: [(Arc<dyn Outgoing>, Vec<i32>); 2] =
            [(Arc::new(pack(&event(0), &[event(2)])), vec![0, 2]), (Arc::new(event(1)), vec![1])];
        let batch = BatchId { process: 1, number: 1, table: 0 };
        let out = OutBatch { batch, messages: messages.into() };
        assert_eq!(out.events(), 3);
        let entries: Vec<InFlight> = batches.open(out).collect();
        let [packed, alone] = &entries[..] else { panic!("{entries:?}") };
        assert!(batches.split(alone).is_empty());
        let members = batches.split(packed);
        let [first, second] = &members[..] else { panic!("{members:?}") };
        batches.confirmed(first);
        batches.confirmed(alone);
        assert!(reports.lock().unwrap().is_empty());
        batches.unpublishable(second, "too big".to_owned());
        let reports = reports.lock().unwrap();
        let [PublishedBatch { unpublishable, left_behind: None, .. }] = &reports[..] else {
            panic!("{reports:?}")
        };
        let [refused] = &unpublishable[..] else { panic!("{unpublishable:?}") };
        assert_eq!(
            (refused.position, &*refused.message_id),
            (2, "0193f7a0-0000-7000-8000-000000000002")
        );
    }
}
