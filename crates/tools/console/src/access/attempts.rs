//! Whose attempts at a password are limited: those of an address, and of a browser that has logged in before. No name is
//! locked, or whoever knows it could keep its owner out.

use std::net::IpAddr;
use std::time::Duration;

use ballet_http::limits::network;

/// The failed attempts in a window, after which no more are made.
pub(crate) const MOST_ATTEMPTS: u32 = 5;
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// Whose attempt it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Attempter {
    /// The network of an address.
    Network(IpAddr),
    /// A browser that this account has logged in from before. Others at its address do not count for it.
    Known(String),
}

impl Attempter {
    /// A browser of which nothing is known.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self::Network(network(address))
    }
}
