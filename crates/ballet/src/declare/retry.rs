//! What becomes of a message whose handler fails: tried again at once, later, or not any more.

use std::time::Duration;

use ballet_core::topology::RETRIES;

/// How often a step or a projection that fails is tried again before its message becomes a dead
/// letter.
///
/// ```
/// # use ballet::{Delay, Retry};
/// /// A step that needs what comes and goes in seconds, and is of no use after a minute.
/// const RETRY: Retry = Retry::at_once(5).later(&[Delay::FiveSeconds, Delay::ThirtySeconds]);
/// ```
///
/// It is about [transient](crate::FailureKind::Transient) failures. A permanent one is a dead
/// letter without any further attempt; a lost connection and two transactions in each other's way
/// are nobody's failure; what waits for another event has [delays of its own](crate::Failure::not_yet);
/// and a compensation is never given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    at_once: u32,
    later: &'static [Delay],
}

impl Retry {
    /// Twice at once, then after 5 seconds, 30 seconds and 5 minutes, each time with two more at
    /// once.
    pub const DEFAULT: Self =
        Self::at_once(2).later(&[Delay::FiveSeconds, Delay::ThirtySeconds, Delay::FiveMinutes]);
    /// The first failure is the last.
    pub const NEVER: Self = Self::at_once(0);

    /// So many further attempts within a second, while the lane waits. Keep it small.
    #[must_use]
    pub const fn at_once(times: u32) -> Self {
        Self { at_once: times, later: &[] }
    }

    /// Then after each of these delays, while the lane goes on with other messages. Order is not
    /// kept. Every delayed attempt is followed by those at once.
    #[must_use]
    pub const fn later(self, delays: &'static [Delay]) -> Self {
        Self { later: delays, ..self }
    }

    /// Whether to try again at once, after so many attempts since the message came.
    pub(crate) const fn again_at_once(self, attempts: u32) -> bool {
        attempts <= self.at_once
    }

    /// How long to wait after so many waits.
    pub(crate) fn after(self, waits: u32) -> Option<Delay> {
        self.later.get(usize::try_from(waits).ok()?).copied()
    }
}

/// How long a message waits in a retry queue, where operators see it.
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
    /// The exchange in front of its queue, of the same name.
    pub(crate) const fn queue(self) -> &'static str {
        let [five_seconds, thirty_seconds, five_minutes] = RETRIES;
        match self {
            Self::FiveSeconds => five_seconds.0,
            Self::ThirtySeconds => thirty_seconds.0,
            Self::FiveMinutes => five_minutes.0,
        }
    }

    /// How long that is.
    pub(crate) const fn time(self) -> Duration {
        let [five_seconds, thirty_seconds, five_minutes] = RETRIES;
        let millis = match self {
            Self::FiveSeconds => five_seconds.1,
            Self::ThirtySeconds => thirty_seconds.1,
            Self::FiveMinutes => five_minutes.1,
        };
        Duration::from_millis(millis as u64)
    }

    /// For what is tried again until it is done: seconds at first, then every few minutes.
    pub(crate) const fn endless(waits: u32) -> Self {
        match waits {
            0 => Self::FiveSeconds,
            1 => Self::ThirtySeconds,
            _ => Self::FiveMinutes,
        }
    }

    /// For what waits for another event: for about an hour, then somebody has to look.
    pub(crate) const fn not_yet(waits: u32) -> Option<Self> {
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
    }

    #[test]
    fn waiting_for_an_event_ends_and_undoing_does_not() {
        assert_eq!(Delay::not_yet(13), Some(Delay::FiveMinutes));
        assert_eq!(Delay::not_yet(14), None);
        assert_eq!(Delay::endless(u32::MAX), Delay::FiveMinutes);
    }

    #[test]
    fn a_delay_is_called_as_its_queue() {
        let all = [Delay::FiveSeconds, Delay::ThirtySeconds, Delay::FiveMinutes];
        assert_eq!(all.map(Delay::queue), ["retry.5s", "retry.30s", "retry.5m"]);
    }
}
