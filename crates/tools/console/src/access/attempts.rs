//! Limits the attempts at a password, in this process: of an address, and of a browser that has logged in before. No name
//! is locked, or whoever knows it could keep its owner out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The failed attempts in a window, after which no more are allowed.
const MOST: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// From this many on, those whose window is over are forgotten.
const MANY: usize = 10_000;

/// Whose attempt it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Attempter {
    /// An address. A person with one IPv6 address has its whole network.
    Address(IpAddr),
    /// A browser that this account has logged in from before. Others at its address do not count for it.
    Known(String),
}

impl Attempter {
    /// A browser of which nothing is known.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The failures of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<Attempter, (Instant, u32)>>);

impl Attempts {
    /// Counts an attempt as failed before it is made, so that concurrent ones are all counted.
    ///
    /// # Errors
    ///
    /// The time until the next attempt, if this one may not be made.
    pub(crate) fn begin(&self, whose: &Attempter) -> Result<(), Duration> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > MANY {
            all.retain(|_, (begun, _)| begun.elapsed() < WINDOW);
        }
        let failed = all.entry(whose.clone()).or_insert((Instant::now(), 0));
        if failed.0.elapsed() >= WINDOW {
            *failed = (Instant::now(), 0);
        }
        failed.1 += 1;
        if failed.1 > MOST { Err(WINDOW.saturating_sub(failed.0.elapsed())) } else { Ok(()) }
    }

    /// Forgets the attempts after the right password.
    pub(crate) fn forget(&self, whose: &Attempter) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(whose);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Attempter {
        Attempter::at(address.parse().expect("an address"))
    }

    #[test]
    fn the_sixth_attempt_in_a_minute_is_not_made_and_counts_for_nobody_else() {
        let attempts = Attempts::default();
        let (one, known) = (at("10.0.0.1"), Attempter::Known("ada".to_owned()));
        for number in 0..1000 {
            assert_eq!(attempts.begin(&one).is_ok(), number < 5);
        }
        attempts.begin(&at("10.0.0.2")).and(attempts.begin(&known)).expect("no attempts before");
        attempts.forget(&one);
        attempts.begin(&one).expect("no attempts before");
    }

    #[test]
    fn all_addresses_of_a_network_are_one_however_many_there_are() {
        let attempts = Attempts::default();
        for number in 0..5 {
            attempts.begin(&at(&format!("2001:db8::{number}"))).expect("few attempts");
        }
        let wait = attempts.begin(&at("2001:db8::7")).expect_err("too many");
        assert!(wait <= WINDOW, "{wait:?}");
        attempts.begin(&at("2001:db8:0:1::7")).expect("another network");
        for number in 0..20_000_u32 {
            attempts.begin(&Attempter::at(IpAddr::V4(number.into()))).expect("one attempt");
        }
        attempts.begin(&at("2001:db8::7")).expect_err("too many");
    }
}
