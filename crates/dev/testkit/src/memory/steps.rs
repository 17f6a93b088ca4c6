//! What an explored schedule does with the broker: it chooses each message that is handed over, and lets processes die.

use std::collections::BTreeMap;

use ballet::core::fault::FaultPoint;
use ballet::core::topology;
use ballet_amqp::{BrokerError, Publish};
use tokio::sync::watch;

use crate::memory::broker::MemoryBroker;

impl MemoryBroker {
    /// Returns how many messages are delivered and not acknowledged as far as their consumers know.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        let state = self.lock();
        let unacked = state.connections.values().flat_map(|at| at.unacked.values());
        unacked.filter(|one| !one.is_lost && !state.is_stream(&one.queue)).count()
    }

    /// Returns how many events are published whose confirms are held.
    #[must_use]
    pub fn unconfirmed(&self) -> usize {
        self.lock().connections.values().map(|at| at.held_events).sum()
    }

    /// Tells when a message is taken, given back or acknowledged, and when consumers come and go.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.lock().changes.subscribe()
    }

    /// Returns how many consumers a queue has.
    #[must_use]
    pub fn consumers(&self, queue: &str) -> usize {
        self.lock().queues.get(queue).map_or(0, |queue| queue.consumers.len())
    }

    /// Returns how many messages wait in each queue but the journal.
    #[must_use]
    pub fn depths(&self) -> BTreeMap<String, u64> {
        let state = self.lock();
        let queues = state.queues.iter().filter(|(name, _)| *name != topology::JOURNAL);
        queues.map(|(name, queue)| (name.clone(), queue.ready.len() as u64)).collect()
    }

    pub(super) fn drop_process(&self, process: u64) {
        let mut state = self.lock();
        let own = state.connections.iter().filter(|(_, at)| at.process == process);
        for id in own.map(|(id, _)| *id).collect::<Vec<_>>() {
            state.disconnect(id, &BrokerError::Lost("the process is gone".to_owned()));
        }
    }

    /// Whether queues hand over only what [`hand_over`](Self::hand_over) chooses.
    pub fn step(&self, steps: bool) {
        self.lock().step(steps);
    }

    /// Hands over the waiting message at this position of a queue, or a copy of it.
    pub fn hand_over(&self, queue: &str, at: usize, is_copy: bool) {
        self.lock().hand_over(queue, at, is_copy);
    }

    /// Sorts what waits in each queue beyond these depths.
    pub(crate) fn sort_beyond<K: Ord>(
        &self,
        depths: &BTreeMap<String, u64>,
        key: impl Fn(&Publish) -> K,
    ) {
        for (name, queue) in &mut self.lock().queues {
            let Some(depth) = depths.get(name).filter(|_| !queue.is_stream) else { continue };
            let from = usize::try_from(*depth).unwrap_or(usize::MAX);
            if let Some(new) = queue.ready.make_contiguous().get_mut(from..) {
                new.sort_by_key(|message| key(&message.publish));
            }
        }
    }

    /// Takes the message at this position of a queue for later attempts to the queue that it comes back to.
    pub fn bring_back(&self, queue: &str, at: usize) {
        self.lock().bring_back(queue, at);
    }

    /// Lets processes get no further than to this point of the way out of a commit: nothing is acknowledged, and nothing
    /// published (`AfterCommit`) or confirmed (`AfterPublish`).
    pub fn doom(&self, point: FaultPoint) {
        self.lose_acks(true);
        match point {
            FaultPoint::AfterCommit => self.block(true),
            FaultPoint::AfterPublish => self.hold_confirms(),
            _ => {}
        }
    }

    /// Ends what [`doom`](Self::doom) began.
    pub fn recover(&self) {
        self.lose_acks(false);
        self.block(false);
        self.release_confirms();
    }
}
