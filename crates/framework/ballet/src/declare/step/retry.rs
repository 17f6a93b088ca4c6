//! Retry policies for messages whose handler fails: at once, later, or never.

use std::time::Duration;

use ballet_core::topology::RETRIES;
use jiff::SignedDuration;

/// How often a failed step or projection is retried before its message becomes a dead letter.
///
/// ```
/// # use ballet::{Delay, Retry};
/// /// For a step whose resource returns within seconds, and that is useless after a minute.
/// const RETRY: Retry = Retry::at_once(5).later(&[Delay::FiveSeconds, Delay::ThirtySeconds]);
/// ```
///
/// The policy applies to [transient](crate::FailureKind::Transient) failures. A permanent failure
/// makes a dead letter at once. A database that is away counts as no attempt, nor does a conflict of
/// transactions, for about an hour. An event that waits for another one has
/// [its own delays](crate::Failure::not_yet). None of these waits uses up a delay of the policy. A
/// compensation is retried until it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    at_once: u32,
    later: &'static [Delay],
}

impl Retry {
    /// Two retries at once, then delayed retries after 5 seconds, 30 seconds and 5 minutes, each
    /// followed by two more at once.
    pub const DEFAULT: Self =
        Self::at_once(2).later(&[Delay::FiveSeconds, Delay::ThirtySeconds, Delay::FiveMinutes]);
    /// No retries.
    pub const NEVER: Self = Self::at_once(0);

    /// Retries up to `times` times within a second, while the lane waits. Keep the number small.
    #[must_use]
    pub const fn at_once(times: u32) -> Self {
        Self { at_once: times, later: &[] }
    }

    /// Then retries after each of these delays, while the lane goes on with other messages. Order
    /// is not kept. The immediate retries follow every delayed attempt.
    #[must_use]
    pub const fn later(self, delays: &'static [Delay]) -> Self {
        Self { later: delays, ..self }
    }

    /// Returns for how long the delayed retries go on, or `None` for those of [`DEFAULT`](Self::DEFAULT).
    pub(crate) fn time_unless_default(self) -> Option<SignedDuration> {
        let millis: i64 = self.later.iter().map(|delay| i64::from(delay.entry().1)).sum();
        (self.later != Self::DEFAULT.later).then(|| SignedDuration::from_millis(millis))
    }

    /// Returns true if the message is retried at once, after `attempts` attempts since its
    /// delivery.
    pub(crate) const fn again_at_once(self, attempts: u32) -> bool {
        attempts <= self.at_once
    }

    /// Returns the next delay of a message that has waited `waits` times after a failure.
    pub(crate) fn after(self, waits: u32) -> Option<Delay> {
        self.later.get(usize::try_from(waits).ok()?).copied()
    }
}

/// The time that a message waits in a retry queue, where operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// In the queue `retry.5s`.
    FiveSeconds,
    /// In the queue `retry.30s`.
    ThirtySeconds,
    /// In the queue `retry.5m`.
    FiveMinutes,
}

impl Delay {
    /// Returns the name of the queue, and of the exchange in front of it.
    pub(crate) const fn queue(self) -> &'static str {
        self.entry().0
    }

    pub(crate) const fn time(self) -> Duration {
        Duration::from_millis(self.entry().1 as u64)
    }

    const fn entry(self) -> (&'static str, u32) {
        let [five_seconds, thirty_seconds, five_minutes] = RETRIES;
        match self {
            Self::FiveSeconds => five_seconds,
            Self::ThirtySeconds => thirty_seconds,
            Self::FiveMinutes => five_minutes,
        }
    }

    /// Returns the delay of work that is retried until it is done: seconds at first, then minutes.
    pub(crate) const fn endless(waits: u32) -> Self {
        match waits {
            0 => Self::FiveSeconds,
            1 => Self::ThirtySeconds,
            _ => Self::FiveMinutes,
        }
    }

    /// Returns the delay of what is likely to end by itself: an event that waits for another one, or a
    /// conflict of transactions. After about an hour there is none, and a person has to look.
    pub(crate) const fn for_an_hour(waits: u32) -> Option<Self> {
        if waits < 14 { Some(Self::endless(waits)) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_at_once_and_delays_are_counted_apart() {
        let retry = Retry::at_once(1).later(&[Delay::ThirtySeconds]);
        assert!(retry.again_at_once(1));
        assert!(!retry.again_at_once(2));
        assert_eq!(retry.after(0), Some(Delay::ThirtySeconds));
        assert_eq!(retry.after(1), None);
        assert!(!Retry::NEVER.again_at_once(1));
        assert_eq!(Retry::NEVER.after(0), None);
        assert_eq!(Retry::DEFAULT.time_unless_default(), None);
        assert_eq!(retry.time_unless_default(), Some(SignedDuration::from_secs(30)));
        assert_eq!(Retry::NEVER.time_unless_default(), Some(SignedDuration::ZERO));
    }

    #[test]
    fn waiting_for_an_event_ends_and_undoing_does_not() {
        assert_eq!(Delay::for_an_hour(13), Some(Delay::FiveMinutes));
        assert_eq!(Delay::for_an_hour(14), None);
        assert_eq!(Delay::endless(u32::MAX), Delay::FiveMinutes);
    }
}
