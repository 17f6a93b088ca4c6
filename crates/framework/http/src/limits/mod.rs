//! Limits on what a client may do at the same time, or in a window of time. Each process counts for itself.

mod live_counts;
mod windows;

use std::net::{IpAddr, Ipv6Addr};

pub use live_counts::{CountGuard, LiveCounts};
pub use windows::{WindowCount, WindowedCounts};

/// Returns the network by which limits count an address: for IPv6 the /64, which a home has as a whole.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_with_those_of_its_home() {
        let network = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(network("2001:db8::7"), network("2001:db8::8"));
        assert_ne!(network("2001:db8::7"), network("2001:db8:0:1::7"));
        assert_eq!(network("::ffff:10.0.0.1"), "10.0.0.1");
    }
}
