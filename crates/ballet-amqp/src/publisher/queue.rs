//! The messages that wait to be published, and their order.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::publisher::batch::OutBatch;
use crate::publisher::batches::{Batches, Entry, NotSent};
use crate::publisher::flight::Flight;
use crate::publisher::poison::{Blame, blame};
use crate::session::error::BrokerError;
use crate::session::message::Publish;

/// Backoff for a message that the broker did not accept, for example because of a full queue.
pub(super) const UNTIL_TAKEN: Backoff =
    Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
/// Backoff for a message that waits until the topology is fixed.
pub(super) const UNTIL_MENDED: Backoff =
    Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// A batch or a single message to publish.
pub(super) enum Command {
    Batch(OutBatch),
    Single { message: Box<Publish>, patient: bool, done: oneshot::Sender<Result<(), NotSent>> },
}

/// All unconfirmed messages, across reconnects.
pub(super) struct Queue {
    pub(super) batches: Batches,
    pub(super) flight: Flight,
    /// Single messages that a caller waits for.
    urgent: VecDeque<Entry>,
    ready: VecDeque<Entry>,
    /// Messages that the broker did not accept, by the time of the next attempt.
    later: BTreeMap<(Instant, u64), Entry>,
    laters: u64,
    /// Messages to publish one by one, to find the one that makes the broker close the channel.
    suspects: VecDeque<Entry>,
    /// A single suspect is in flight.
    isolating: bool,
}

/// The outcome of a lost channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Salvaged {
    /// The number of messages that will be published again.
    pub(super) again: usize,
    /// Whether the cause is known and handled. Waiting before the next attempt is then useless.
    pub(super) explained: bool,
}

impl Queue {
    pub(super) fn new(batches: Batches) -> Self {
        Self {
            batches,
            flight: Flight::default(),
            urgent: VecDeque::new(),
            ready: VecDeque::new(),
            later: BTreeMap::new(),
            laters: 0,
            suspects: VecDeque::new(),
            isolating: false,
        }
    }

    /// Returns the number of unconfirmed messages.
    pub(super) fn len(&self) -> usize {
        self.flight.len()
            + self.urgent.len()
            + self.ready.len()
            + self.later.len()
            + self.suspects.len()
    }

    pub(super) fn take_in(&mut self, command: Command) {
        match command {
            Command::Batch(batch) => self.ready.extend(self.batches.open(batch)),
            Command::Single { message, patient, done } => {
                self.urgent.push_back(self.batches.open_single(*message, patient, done));
            }
        }
    }

    /// Returns the next message that may be published now.
    pub(super) fn next(&mut self, window: usize) -> Option<Entry> {
        if self.isolating || !self.suspects.is_empty() {
            if self.flight.len() > 0 {
                return None;
            }
            let suspect = self.suspects.pop_front();
            self.isolating = suspect.is_some();
            if suspect.is_some() {
                return suspect;
            }
        }
        if self.flight.len() >= window {
            return None;
        }
        while let Some(entry) = self.urgent.pop_front() {
            if self.batches.wanted(&entry) {
                return Some(entry);
            }
        }
        self.ready.pop_front()
    }

    /// Puts an unsent message back at the front.
    pub(super) fn put_back(&mut self, entry: Entry) {
        if self.isolating {
            self.suspects.push_front(entry);
        } else if self.batches.is_single(&entry) {
            self.urgent.push_front(entry);
        } else {
            self.ready.push_front(entry);
        }
    }

    /// Postpones a message that the broker did not accept. Each attempt waits longer.
    pub(super) fn postpone(&mut self, mut entry: Entry, backoff: &Backoff) {
        entry.attempts += 1;
        self.laters += 1;
        let when = Instant::now() + backoff.after(entry.attempts);
        self.later.insert((when, self.laters), entry);
    }

    /// Returns the time at which the next postponed message is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((when, _), _)| *when)
    }

    pub(super) fn fetch_due(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let entry = entry.remove();
            if self.batches.is_single(&entry) {
                self.urgent.push_back(entry);
            } else {
                self.ready.push_back(entry);
            }
        }
    }

    /// Handles the loss of the channel: finds the messages to blame, and queues the others again in
    /// order.
    pub(super) fn salvage(&mut self, cause: &BrokerError) -> Salvaged {
        let unconfirmed = self.flight.drain();
        let blame = blame(cause, &unconfirmed);
        let mut again = Vec::with_capacity(unconfirmed.len());
        for entry in unconfirmed {
            let message = &entry.message;
            match &blame {
                Blame::Unpublishable(matcher) if matcher.matches(message) => {
                    self.give_up(&entry, cause.to_string());
                }
                Blame::Held(matcher)
                    if matcher.matches(message) && !self.batches.is_patient(&entry) =>
                {
                    match cause {
                        // The message was alone, so it is probably to blame.
                        BrokerError::ConnectionClosed { .. } => {
                            self.give_up(&entry, cause.to_string());
                        }
                        _ => self.batches.not_taken(&entry, cause.to_string()),
                    }
                }
                Blame::Held(matcher) if matcher.matches(message) => {
                    tracing::error!(
                        exchange = message.exchange,
                        routing_key = message.routing_key,
                        reason = %cause,
                        "message cannot be published until the broker is fixed; trying again"
                    );
                    self.postpone(entry, &UNTIL_MENDED);
                }
                _ if self.batches.wanted(&entry) => again.push(entry),
                _ => {}
            }
        }
        let salvaged = Salvaged { again: again.len(), explained: blame != Blame::Nobody };
        self.isolating |= blame == Blame::OneOfThem;
        for entry in again.into_iter().rev() {
            self.put_back(entry);
        }
        self.isolating = false;
        salvaged
    }

    /// Gives up on a message that can never be published.
    pub(super) fn give_up(&mut self, entry: &Entry, reason: String) {
        tracing::error!(
            exchange = entry.message.exchange,
            routing_key = entry.message.routing_key,
            reason,
            "message can never be published"
        );
        crate::counter!("ballet_unpublishable_total").increment(1);
        self.batches.unpublishable(entry, reason);
    }
}
