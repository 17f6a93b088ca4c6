//! Messages that wait until somebody mends the broker: an exchange or the right to it is missing.
//!
//! All messages that one cause concerns wait together. Now and then one of them is tried: each attempt
//! may cost the channel. When the broker takes it, the others follow in order.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::publisher::batches::Entry;
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
    entries: VecDeque<Entry>,
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

    /// Puts a message that has to wait behind the others.
    pub(super) fn push_back(&mut self, entry: Entry) -> Result<(), Entry> {
        match self.of(&entry) {
            Some(hold) => hold.entries.push_back(entry),
            None => return Err(entry),
        }
        Ok(())
    }

    /// Puts a message that was tried back in front of the others.
    pub(super) fn push_front(&mut self, entry: Entry) -> Result<(), Entry> {
        match self.of(&entry) {
            Some(hold) => hold.entries.push_front(entry),
            None => return Err(entry),
        }
        Ok(())
    }

    fn of(&mut self, entry: &Entry) -> Option<&mut Hold> {
        self.holds.iter_mut().find(|hold| hold.matcher.matches(&entry.message))
    }

    /// Makes messages wait, in front of those that already wait for the same. Each time the wait is
    /// longer.
    pub(super) fn hold(&mut self, matcher: Matcher, reason: String, entries: Vec<Entry>) {
        let known = self.holds.iter().position(|hold| hold.matcher == matcher);
        let at = known.unwrap_or_else(|| {
            let entries = VecDeque::new();
            let reason = reason.clone();
            self.holds.push(Hold { matcher, reason, entries, attempts: 0, next: None });
            self.holds.len() - 1
        });
        let Some(hold) = self.holds.get_mut(at) else { return };
        entries.into_iter().rev().for_each(|entry| hold.entries.push_front(entry));
        hold.reason = reason;
        hold.attempts += 1;
        hold.next = Some(Instant::now() + self.backoff.after(hold.attempts));
    }

    /// Returns when the next message is to be tried.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.holds.iter().filter_map(|hold| hold.next).min()
    }

    /// Takes one message of each cause that is due.
    pub(super) fn take_due(&mut self, mut is_wanted: impl FnMut(&Entry) -> bool) -> Vec<Entry> {
        let now = Instant::now();
        let mut due = Vec::new();
        for hold in self.holds.iter_mut().filter(|hold| hold.next.is_some_and(|at| at <= now)) {
            hold.entries.retain(&mut is_wanted);
            if let Some(first) = hold.entries.pop_front() {
                due.push(first);
                hold.next = None;
            }
        }
        // Those who waited have given up.
        self.holds.retain(|hold| hold.next.is_none() || !hold.entries.is_empty());
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
    pub(super) fn release(&mut self, taken: &Publish) -> VecDeque<Entry> {
        let at = self.holds.iter().position(|hold| hold.matcher.matches(taken));
        at.map(|at| self.holds.remove(at).entries).unwrap_or_default()
    }
}
