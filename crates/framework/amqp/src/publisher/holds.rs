//! Messages that wait until somebody repairs the broker: a missing exchange or right, or a queue
//! that confirms nothing.
//!
//! All messages that one cause concerns wait together. Now and then one of them is tried, since
//! each attempt may cost the channel. When the broker takes it, the others follow in order. If none
//! waits, the next that comes is tried.
//!
//! While the broker refuses one key, only some of its messages wait in memory. Later ones are left
//! behind in the outbox, and those of other keys go on. While it refuses the exchange, nothing goes
//! on, and batches are spilled when memory is full.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::publisher::batches::{Batches, InFlight};
use crate::publisher::outgoing::Outgoing;
use crate::publisher::poison::Matcher;

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
    next: NextAttempt,
    /// Whether the log says that messages wait for a missing exchange or right.
    is_told: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextAttempt {
    At(Instant),
    /// None waits, so the next one that comes is tried.
    WhenOneComes,
    /// One message is on its way.
    UnderWay,
}

impl NextAttempt {
    fn at(self) -> Option<Instant> {
        match self {
            Self::At(at) => Some(at),
            Self::WhenOneComes | Self::UnderWay => None,
        }
    }
}

impl Holds {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self { holds: Vec::new(), backoff }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.holds.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.holds.iter().map(|hold| hold.entries.len()).sum()
    }

    /// Returns the broker's reason, if any message waits for an exchange or a right.
    pub(super) fn reason(&self) -> Option<&str> {
        let mut told = self.holds.iter().filter(|hold| hold.is_told);
        let waits = |hold: &&Hold| !hold.entries.is_empty() || hold.next == NextAttempt::UnderWay;
        told.find(waits).map(|hold| hold.reason.as_str())
    }

    /// Returns the reason why a message has to wait, unless it is the one to be tried.
    pub(super) fn reason_for(&mut self, message: &dyn Outgoing) -> Option<&str> {
        let hold = self.holds.iter_mut().find(|hold| hold.matcher.matches(message))?;
        if hold.next == NextAttempt::WhenOneComes {
            hold.next = NextAttempt::UnderWay;
            return None;
        }
        Some(&hold.reason)
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
        self.holds.iter_mut().find(|hold| hold.matcher.matches(&*entry.message))
    }

    /// Makes these messages wait, and those that come, each time for longer. One that was tried is
    /// again in front of the others. Returns true if nothing waited for this reason before.
    pub(super) fn hold(
        &mut self,
        HeldMessages { matcher, reason, is_told, entries }: HeldMessages,
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
        hold.is_told = is_told;
        hold.attempts += 1;
        hold.next = NextAttempt::At(Instant::now() + self.backoff.after(hold.attempts));
        is_news
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.holds.iter().filter_map(|hold| hold.next.at()).min()
    }

    /// Takes one message of each cause that is due.
    pub(super) fn take_due(&mut self, batches: &mut Batches) -> Vec<InFlight> {
        let now = Instant::now();
        let mut due = Vec::new();
        let is_due = |hold: &&mut Hold| hold.next.at().is_some_and(|at| at <= now);
        for hold in self.holds.iter_mut().filter(is_due) {
            hold.entries.retain(|entry| batches.wanted(entry));
            if let Some(first) = hold.entries.pop_front() {
                due.push(first);
                hold.next = NextAttempt::UnderWay;
            } else {
                // The callers that waited have given up. The messages left behind are tried in their place.
                hold.next = NextAttempt::WhenOneComes;
                hold.is_full = false;
                batches.released();
            }
        }
        due
    }

    /// The channel is lost, and with it the attempts.
    pub(super) fn no_attempt_is_left(&mut self) {
        let now = Instant::now();
        for hold in self.holds.iter_mut().filter(|hold| hold.next == NextAttempt::UnderWay) {
            hold.next = NextAttempt::At(now + self.backoff.after(hold.attempts.max(1)));
        }
    }

    /// A message never left, so it was no attempt.
    pub(super) fn was_no_attempt(&mut self, entry: &InFlight) {
        if let Some(hold) = self.of(entry).filter(|hold| hold.next == NextAttempt::UnderWay) {
            hold.next = NextAttempt::At(Instant::now());
        }
    }

    /// The broker took a message, so whatever else waits for the same may go. Returns it in order.
    pub(super) fn release(
        &mut self,
        taken: &dyn Outgoing,
        batches: &Batches,
    ) -> VecDeque<InFlight> {
        let released: Vec<Hold> =
            self.holds.extract_if(.., |hold| hold.matcher.matches(taken)).collect();
        if !released.is_empty() {
            batches.released();
        }
        // The later of two causes holds the messages that were tried first.
        released.into_iter().rev().flat_map(|hold| hold.entries).collect()
    }
}

/// Messages that have to wait, and why.
#[derive(Debug)]
pub(super) struct HeldMessages {
    pub(super) matcher: Matcher,
    pub(super) reason: String,
    /// Whether the log says so, because an exchange or a right is missing.
    pub(super) is_told: bool,
    pub(super) entries: Vec<InFlight>,
}

impl Hold {
    fn new(matcher: Matcher) -> Self {
        Self {
            matcher,
            reason: String::new(),
            entries: VecDeque::new(),
            is_full: false,
            attempts: 0,
            next: NextAttempt::UnderWay,
            is_told: false,
        }
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
