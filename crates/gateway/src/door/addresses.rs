//! How many connections each address has, so that one cannot take the places of all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::gate::peer::network;

/// The connections of each address; of IPv6 a whole /64, as a home has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection of an address, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    all: Addresses,
    network: IpAddr,
}

impl Addresses {
    /// Counts a connection. `None` if its address has as many as it may.
    pub(crate) fn count(&self, address: IpAddr, most: usize) -> Option<Counted> {
        let network = network(address.to_canonical());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(network).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(all);
        Some(Counted { all: self.clone(), network })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.network);
            }
        }
    }
}
