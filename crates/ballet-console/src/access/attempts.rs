//! Limits the attempts at a password: per account and per address, in this process.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The failed attempts of a name or an address in a window, after which no more are allowed.
const MOST: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// From this many names and addresses on, those whose window is over are forgotten.
const MANY: usize = 10_000;

/// The compared characters of a name, since a form may have longer names.
const NAME: usize = 100;

/// The account or the address of an attempt. They are counted apart, so that no name can stand for an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Attempter {
    Address(IpAddr),
    Name(String),
}

/// The failures of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<Attempter, (Instant, u32)>>);

impl Attempts {
    /// Counts an attempt as failed before it is made, so that concurrent ones are all counted. Returns false if it may
    /// not be made. A refused attempt counts nothing, so an address adds few names.
    pub(crate) fn begin(&self, address: IpAddr, name: &str) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > MANY {
            all.retain(|_, (begun, _)| begun.elapsed() < WINDOW);
        }
        let whose = whose(address, name);
        let is_over = |one: &Attempter| {
            all.get(one).is_some_and(|(begun, failed)| *failed >= MOST && begun.elapsed() < WINDOW)
        };
        if all.len() > 2 * MANY || whose.iter().any(is_over) {
            return false;
        }
        for one in whose {
            let failed = all.entry(one).or_insert((Instant::now(), 0));
            if failed.0.elapsed() >= WINDOW {
                *failed = (Instant::now(), 0);
            }
            failed.1 += 1;
        }
        true
    }

    /// Forgets the attempts after the right password.
    pub(crate) fn forget(&self, address: IpAddr, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in whose(address, name) {
            all.remove(&one);
        }
    }
}

/// Returns what an attempt counts for. A person with one IPv6 address has its whole network.
fn whose(address: IpAddr, name: &str) -> [Attempter; 2] {
    let network = match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    };
    [Attempter::Address(network), Attempter::Name(name.chars().take(NAME).collect())]
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn the_sixth_attempt_in_a_minute_is_not_made() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            assert!(attempts.begin(ONE, "ada"));
        }
        assert!(!attempts.begin(OTHER, "ada"));
        assert!(!attempts.begin(ONE, "eve"));
        attempts.forget(OTHER, "ada");
        assert!(attempts.begin(OTHER, "ada"));
    }

    #[test]
    fn many_names_from_one_address_keep_nobody_else_out() {
        let attempts = Attempts::default();
        for name in 0..30_000 {
            assert_eq!(attempts.begin(ONE, &format!("{OTHER}{name}")), name < 5);
        }
        // A name of 16 KiB, the largest that a form can send.
        for _ in 0..5 {
            assert!(attempts.begin("10.0.0.3".parse().expect("an address"), &"n".repeat(16_384)));
        }
        assert!(attempts.begin(OTHER, "ada"));
        let all = attempts.0.lock().expect("unpoisoned");
        assert!(all.len() < 20, "{}", all.len());
        let named = all.keys().filter_map(|one| match one {
            Attempter::Name(name) => Some(name.len()),
            Attempter::Address(_) => None,
        });
        assert_eq!(named.max(), Some(NAME));
    }

    #[test]
    fn a_name_is_no_address_and_all_addresses_of_a_network_are_one() {
        let attempts = Attempts::default();
        for n in 0..5 {
            let address = format!("2001:db8::{n}").parse().expect("an address");
            assert!(attempts.begin(address, &OTHER.to_string()));
        }
        assert!(!attempts.begin("2001:db8::7".parse().expect("an address"), "ada"));
        assert!(attempts.begin(OTHER, "ada"));
    }
}
