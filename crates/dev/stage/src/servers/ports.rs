//! Loopback ports for servers of our own.

use std::net::{Ipv4Addr, TcpListener};

use crate::error::{Error, Result};
use crate::random;

/// All ports are below Linux's range for outgoing connections, where one might be taken before a node binds it or
/// restarts.
const FIRST: u16 = 20_000;
const BLOCK: u16 = 8;
const BLOCKS: u16 = 1_500;

/// Free loopback ports for one set of servers.
///
/// A block's first port stays open for the life of the set. Its holder owns the others, and the system frees it when
/// the process dies.
#[derive(Debug)]
pub(crate) struct Ports {
    _guard: TcpListener,
    base: u16,
}

impl Ports {
    pub(crate) fn reserve() -> Result<Self> {
        for _ in 0..200 {
            let block = u16::from_le_bytes(random::bytes()?) % BLOCKS;
            let base = FIRST + block * BLOCK;
            let Ok(guard) = bind(base) else { continue };
            if (1..BLOCK).all(|offset| bind(base + offset).is_ok()) {
                return Ok(Self { _guard: guard, base });
            }
        }
        Err(Error::Machine {
            what: format!("find {BLOCK} free loopback ports from {FIRST} on"),
            source: std::io::ErrorKind::AddrInUse.into(),
        })
    }

    pub(crate) fn amqp(&self) -> u16 {
        self.base + 1
    }

    pub(crate) fn management(&self) -> u16 {
        self.base + 2
    }

    pub(crate) fn prometheus(&self) -> u16 {
        self.base + 3
    }

    pub(crate) fn distribution(&self) -> u16 {
        self.base + 4
    }

    pub(crate) fn epmd(&self) -> u16 {
        self.base + 5
    }

    pub(crate) fn amqps(&self) -> u16 {
        self.base + 7
    }

    pub(crate) fn postgres(&self) -> u16 {
        self.base + 6
    }
}

fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sets_never_share_a_port() {
        let sets: Vec<_> = (0..20).map(|_| Ports::reserve().unwrap()).collect();
        let mut bases: Vec<_> = sets.iter().map(|ports| ports.base).collect();
        bases.sort_unstable();
        bases.dedup();
        assert_eq!(bases.len(), sets.len());
    }
}
