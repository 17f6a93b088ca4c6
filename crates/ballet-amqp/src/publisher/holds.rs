//! Messages that wait until somebody mends the broker: an exchange or the right to it is missing.
//!
//! All messages that one cause concerns wait together. Now and then one of them is tried: each attempt
//! may cost the channel. When the broker takes it, the others follow in order.
//!
//! Where one key is refused, only a limited number of messages waits in memory, and later ones are left behind in
//! the outbox: the others go on meanwhile. Where the exchange is refused, nothing goes on, and
//! batches are spilled when memory is full.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::publisher::batches::{Batches, InFlight};
use crate::publisher::poison::Matcher;
use crate::session::message::Publish;

/// The messages that wait, by cause.
#[derive(Debug)]
pub(super) struct Holds {
    holds: Vec<Hold>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Hold {
    matcher: Matcher,
    reason: String,
    entries: VecDeque<InFlight>,
    /// Whether messages were left behind. Later ones would overtake them.
    is_full: bool,
    attempts: u32,
    /// When one of them is tried; `None` while one is on its way.
    next: Option<Instant>,
}

impl Holds {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self { holds: Vec::new(), backoff }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.holds.is_empty()
    }

    /// Returns the number of messages that wait.
    pub(super) fn len(&self) -> usize {
        self.holds.iter().map(|hold| hold.entries.len()).sum()
    }

    /// Returns the broker's reason, if any message waits.
    pub(super) fn reason(&self) -> Option<&str> {
        self.holds.first().map(|hold| hold.reason.as_str())
    }

    /// Returns the reason why a message has to wait.
    pub(super) fn reason_for(&self, message: &Publish) -> Option<&str> {
        let hold = self.holds.iter().find(|hold| hold.matcher.matches(message));
        hold.map(|hold| hold.reason.as_str())
    }

    /// Puts a message that has to wait behind the others. Returns one that need not wait.
    pub(super) fn push_back(&mut self, entry: InFlight, batches: &mut Batches) -> Option<InFlight> {
        match self.of(&entry) {
            Some(hold) => hold.push_back(entry, batches),
            None => return Some(entry),
        }
        None
    }

    /// Puts a message that was tried back in front of the others. Returns one that need not wait.
    pub(super) fn push_front(&mut self, entry: InFlight) -> Option<InFlight> {
        match self.of(&entry) {
            Some(hold) => hold.entries.push_front(entry),
            None => return Some(entry),
        }
        None
    }

    fn of(&mut self, entry: &InFlight) -> Option<&mut Hold> {
        self.holds.iter_mut().find(|hold| hold.matcher.matches(&entry.message))
    }

    /// Makes messages wait. One that was tried is again in front of the others. Each time the wait is
    /// longer. Returns true if nothing waited for this reason before.
    pub(super) fn hold(
        &mut self,
        matcher: Matcher,
        reason: String,
        entries: Vec<InFlight>,
        batches: &mut Batches,
    ) -> bool {
        let known = self.holds.iter().position(|hold| hold.matcher == matcher);
        let at = known.unwrap_or_else(|| {
            self.holds.push(Hold::new(matcher));
            self.holds.len() - 1
        });
        let Some(hold) = self.holds.get_mut(at) else { return false };
        if known.is_some() {
            entries.into_iter().rev().for_each(|entry| hold.entries.push_front(entry));
        } else {
            entries.into_iter().for_each(|entry| hold.push_back(entry, batches));
        }
        let is_news = hold.reason != reason;
        hold.reason = reason;
        hold.attempts += 1;
        hold.next = Some(Instant::now() + self.backoff.after(hold.attempts));
        is_news
    }

    /// Returns when the next message is to be tried.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.holds.iter().filter_map(|hold| hold.next).min()
    }

    /// Takes one message of each cause that is due.
    pub(super) fn take_due(&mut self, batches: &mut Batches) -> Vec<InFlight> {
        let now = Instant::now();
        let mut due = Vec::new();
        for hold in self.holds.iter_mut().filter(|hold| hold.next.is_some_and(|at| at <= now)) {
            hold.entries.retain(|entry| batches.wanted(entry));
            if let Some(first) = hold.entries.pop_front() {
                due.push(first);
                hold.next = None;
            }
        }
        // Those who waited have given up. What was left behind is tried in their place.
        let before = self.holds.len();
        self.holds.retain(|hold| hold.next.is_none() || !hold.entries.is_empty());
        if self.holds.len() < before {
            batches.released();
        }
        due
    }

    /// The channel is lost, and with it the attempts.
    pub(super) fn no_attempt_is_left(&mut self) {
        let now = Instant::now();
        for hold in self.holds.iter_mut().filter(|hold| hold.next.is_none()) {
            hold.next = Some(now + self.backoff.after(hold.attempts.max(1)));
        }
    }

    /// The broker took a message: whatever else waits for the same may go. Returns it in order.
    pub(super) fn release(&mut self, taken: &Publish, batches: &Batches) -> VecDeque<InFlight> {
        let at = self.holds.iter().position(|hold| hold.matcher.matches(taken));
        let Some(at) = at else { return VecDeque::new() };
        batches.released();
        self.holds.remove(at).entries
    }
}

impl Hold {
    fn new(matcher: Matcher) -> Self {
        let (reason, entries) = (String::new(), VecDeque::new());
        Self { matcher, reason, entries, is_full: false, attempts: 0, next: None }
    }

    /// Puts a message behind the others, or leaves it behind if there is no room.
    fn push_back(&mut self, entry: InFlight, batches: &mut Batches) {
        let first = self.entries.is_empty();
        let may_wait = self.matcher.is_of_exchange()
            || batches.is_single(&entry)
            || (!self.is_full && batches.may_wait(&entry, first));
        if may_wait {
            self.entries.push_back(entry);
        } else {
            self.is_full = true;
            batches.leave_behind(&entry);
        }
    }
}
