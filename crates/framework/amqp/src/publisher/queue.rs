//! The messages that wait to be published, and their order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::publisher::batch::OutBatch;
use crate::publisher::batches::{Batches, InFlight, NotSent};
use crate::publisher::flight::Flight;
use crate::publisher::holds::{HeldMessages, Holds};
use crate::publisher::outgoing::Outgoing;
use crate::publisher::poison::{BlamedMessages, Matcher, blame};
use crate::session::error::BrokerError;
use crate::session::message::{Publish, text_of};

/// Why a message is not taken that a queue refuses because it is full.
pub(super) const NO_QUEUE_TOOK_IT: &str = "a queue did not take it";

/// A message that was alone this often when the channel closed is declared unpublishable, after
/// three minutes, or after twenty seconds if its waiting caller has another place for it.
const STRIKES: u32 = 10;

pub(super) enum PublishCommand {
    Batch(OutBatch),
    Single { message: Arc<dyn Outgoing>, patient: bool, done: oneshot::Sender<Result<(), NotSent>> },
}

/// All unconfirmed messages, across reconnects.
pub(super) struct PublishQueue {
    pub(super) batches: Batches,
    pub(super) flight: Flight,
    /// Single messages that a caller waits for.
    urgent: VecDeque<InFlight>,
    ready: VecDeque<InFlight>,
    /// Messages that the broker did not accept, by the time of the next attempt.
    later: BTreeMap<(Instant, u64), InFlight>,
    laters: u64,
    /// How many messages are published one by one, to find the one that closes the channel.
    one_by_one: usize,
    keys: BTreeSet<String>,
    /// Messages that wait until somebody repairs the broker.
    holds: Holds,
    /// Messages to be tried before others: some of those that are held, and those that may have closed the channel.
    tries: VecDeque<InFlight>,
    /// The number of messages that the broker confirmed.
    confirmed: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct SalvageResult {
    pub(super) again: usize,
    /// Whether the cause is known and handled. Waiting before the next attempt is then useless.
    pub(super) explained: bool,
    /// Whether something waits from now on that did not wait before.
    pub(super) is_news: bool,
}

impl PublishQueue {
    pub(super) fn new(batches: Batches, keys: BTreeSet<String>) -> Self {
        Self {
            batches,
            flight: Flight::default(),
            urgent: VecDeque::new(),
            ready: VecDeque::new(),
            later: BTreeMap::new(),
            laters: 0,
            one_by_one: 0,
            keys,
            holds: Holds::new(Backoff::TOPOLOGY),
            tries: VecDeque::new(),
            confirmed: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.flight.len()
            + self.urgent.len()
            + self.ready.len()
            + self.later.len()
            + self.holds.len()
            + self.tries.len()
    }

    pub(super) fn take_in(&mut self, command: PublishCommand) {
        match command {
            PublishCommand::Batch(batch) => self.ready.extend(self.batches.open(batch)),
            PublishCommand::Single { message, patient, done } => {
                // Those whose time is up, while none can leave.
                while self.urgent.front().is_some_and(|first| !self.batches.wanted(first)) {
                    self.urgent.pop_front();
                }
                self.urgent.push_back(self.batches.open_single(message, patient, done));
            }
        }
    }

    pub(super) fn next(&mut self, window: usize) -> Option<InFlight> {
        let window = if self.one_by_one > 0 { 1 } else { window };
        if self.flight.len() >= window {
            return None;
        }
        if let Some(entry) = self.tries.pop_front() {
            return Some(entry);
        }
        while let Some(entry) = self.urgent.pop_front() {
            if self.batches.wanted(&entry)
                && let Some(entry) = self.unless_held(entry)
            {
                return Some(entry);
            }
        }
        while let Some(entry) = self.ready.pop_front() {
            if let Some(entry) = self.unless_held(entry) {
                return Some(entry);
            }
        }
        None
    }

    /// The broker takes no messages for now. Those that would not be tried again get this reason.
    pub(super) fn not_now(&mut self, reason: &str) {
        let batches = &mut self.batches;
        self.urgent.retain(|entry| {
            let is_patient = batches.is_patient(entry);
            if !is_patient {
                batches.not_taken(entry, reason.to_owned());
            }
            is_patient
        });
    }

    fn unless_held(&mut self, entry: InFlight) -> Option<InFlight> {
        if self.holds.is_empty() {
            return Some(entry);
        }
        match self.holds.reason_for(&*entry.message) {
            None => Some(entry),
            Some(reason) if !self.batches.is_patient(&entry) => {
                let reason = reason.to_owned();
                self.batches.not_taken(&entry, reason);
                None
            }
            Some(_) => self.holds.push_back(entry, &mut self.batches),
        }
    }

    pub(super) fn held(&self) -> Option<&str> {
        self.holds.reason()
    }

    pub(super) fn held_count(&self) -> usize {
        self.holds.len() + self.tries.len().saturating_sub(self.one_by_one)
    }

    /// Records that the broker took a message, though perhaps no queue did.
    pub(super) fn taken(&mut self, entry: &InFlight) {
        self.confirmed += 1;
        self.one_by_one = self.one_by_one.saturating_sub(1);
        if self.holds.is_empty() {
            return;
        }
        for released in self.holds.release(&*entry.message, &self.batches).into_iter().rev() {
            self.put_back(released);
        }
    }

    pub(super) fn put_back(&mut self, mut entry: InFlight) {
        if self.batches.is_patient(&entry) {
            let Some(free) = self.holds.push_front(entry) else { return };
            entry = free;
        }
        if self.batches.is_single(&entry) {
            self.urgent.push_front(entry);
        } else {
            self.ready.push_front(entry);
        }
    }

    /// Postpones a message that the broker did not accept. Each attempt waits longer.
    pub(super) fn postpone(&mut self, mut entry: InFlight, backoff: &Backoff) {
        entry.attempts += 1;
        self.laters += 1;
        let when = Instant::now() + backoff.after(entry.attempts);
        self.later.insert((when, self.laters), entry);
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let later = self.later.first_key_value().map(|((when, _), _)| *when);
        [later, self.holds.next_due()].into_iter().flatten().min()
    }

    pub(super) fn fetch_due(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let entry = entry.remove();
            if entry.strikes > 0 {
                self.one_by_one += 1;
                self.tries.push_back(entry);
            } else if self.batches.is_single(&entry) {
                self.urgent.push_back(entry);
            } else {
                self.ready.push_back(entry);
            }
        }
        self.tries.extend(self.holds.take_due(&mut self.batches));
    }

    /// Handles the loss of the channel: finds the messages to blame, and queues the others again in
    /// order. Messages with the keys of overdue confirms wait from now on, since a queue that
    /// confirms nothing would soon have all the window.
    pub(super) fn salvage(&mut self, cause: &BrokerError, overdue: Option<u64>) -> SalvageResult {
        let overdue = overdue.map_or_else(Vec::new, |number| self.overdue(number));
        let unconfirmed = self.flight.drain();
        let is_alone = unconfirmed.len() == 1;
        let blame = blame(cause, &unconfirmed, &self.keys);
        self.holds.no_attempt_is_left();
        let mut again = Vec::with_capacity(unconfirmed.len());
        let mut held = match &blame {
            BlamedMessages::Held(matcher) => vec![HeldMessages {
                matcher: matcher.clone(),
                reason: cause.to_string(),
                is_told: true,
                entries: Vec::new(),
            }],
            BlamedMessages::Nobody => overdue,
            _ => Vec::new(),
        };
        for entry in unconfirmed {
            let message = &*entry.message;
            if let Some(held) = held.iter_mut().find(|held| held.matcher.matches(message)) {
                if self.batches.is_patient(&entry) {
                    held.entries.push(entry);
                } else {
                    self.batches.not_taken(&entry, held.reason.clone());
                }
                continue;
            }
            match &blame {
                BlamedMessages::Unpublishable(matcher) if matcher.matches(message) => {
                    again.extend(self.give_up(&entry, cause.to_string()));
                }
                BlamedMessages::OneOfThem if is_alone => self.strike(entry, cause),
                _ if self.batches.wanted(&entry) => again.push(entry),
                _ => {}
            }
        }
        // A message that was alone is put off, so it closes the next channel no sooner.
        let explained = match blame {
            BlamedMessages::Nobody => false,
            BlamedMessages::OneOfThem => is_alone,
            BlamedMessages::Unpublishable(_) | BlamedMessages::Held(_) => true,
        };
        let mut salvaged = SalvageResult { again: again.len(), explained, is_news: false };
        for held in held {
            let (messages, reason) = (held.entries.len(), held.reason.clone());
            if self.holds.hold(held, &mut self.batches) {
                salvaged.is_news = true;
                tracing::error!(
                    messages,
                    reason,
                    "messages cannot be published until the broker is mended; one of them is tried \
                     now and then"
                );
            }
        }
        // A suspect on which the connection is lost stays one, before the others.
        let suspects = blame == BlamedMessages::OneOfThem || (is_alone && self.one_by_one > 0);
        if is_alone {
            self.one_by_one = self.one_by_one.saturating_sub(1);
        }
        for entry in again.into_iter().rev() {
            match suspects {
                true => self.suspect(entry),
                false => self.put_back(entry),
            }
        }
        salvaged
    }

    /// Puts back a message that may have closed the channel. It goes before all others, one at a time.
    fn suspect(&mut self, entry: InFlight) {
        let free = match self.batches.is_patient(&entry) {
            true => self.holds.push_front(entry),
            false => Some(entry),
        };
        if let Some(entry) = free {
            self.one_by_one += 1;
            self.tries.push_front(entry);
        }
    }

    /// Returns the kinds of messages of which one up to this number is not confirmed in time.
    fn overdue(&self, number: u64) -> Vec<HeldMessages> {
        let mut overdue: Vec<HeldMessages> = Vec::new();
        for entry in self.flight.up_to(number) {
            let message = &*entry.message;
            if !overdue.iter().any(|held| held.matcher.matches(message)) {
                let reason = format!(
                    "the broker does not confirm what is published to `{}` with key `{}`: does each of \
                     its queues run?",
                    message.exchange(),
                    message.routing_key()
                );
                let (matcher, entries) = (Matcher::of(message), Vec::new());
                overdue.push(HeldMessages { matcher, reason, is_told: false, entries });
            }
        }
        overdue
    }

    /// Counts how often the channel closed on a message that was alone on it. A frame may have been
    /// spoilt on the way, so a batch's message counts only if the broker took others in between.
    fn strike(&mut self, mut entry: InFlight, cause: &BrokerError) {
        let is_patient = self.batches.is_patient(&entry);
        if entry.strikes == 0 || !is_patient || self.confirmed > entry.struck_at {
            entry.strikes += 1;
            entry.struck_at = self.confirmed;
        }
        if entry.strikes >= STRIKES {
            self.give_up_in_turn(&entry, cause.to_string());
            return;
        }
        let Publish { exchange, routing_key, properties, .. } = entry.message.to_publish();
        tracing::warn!(
            exchange,
            routing_key,
            id = text_of(properties.message_id()),
            saga = text_of(properties.correlation_id()),
            reason = %cause,
            "the channel closed while this message was alone on it; trying it again"
        );
        self.postpone(entry, if is_patient { &Backoff::TOPOLOGY } else { &Backoff::WORK });
    }

    pub(super) fn unrepresentable(&mut self, entry: &InFlight, reason: String) {
        self.holds.was_no_attempt(entry);
        self.give_up_in_turn(entry, reason);
    }

    fn give_up_in_turn(&mut self, entry: &InFlight, reason: String) {
        for member in self.give_up(entry, reason).into_iter().rev() {
            self.put_back(member);
        }
    }

    /// Returns the members of a pack, which are tried one by one. Any other message is unpublishable.
    #[must_use]
    fn give_up(&mut self, entry: &InFlight, reason: String) -> Vec<InFlight> {
        let members = self.batches.split(entry);
        if !members.is_empty() {
            tracing::warn!(
                members = members.len(),
                "a pack is refused and goes as its members: {reason}"
            );
            return members;
        }
        // The one that waits for the message tells people.
        metrics::counter!("ballet_unpublishable_total").increment(1);
        self.batches.unpublishable(entry, reason);
        members
    }
}
