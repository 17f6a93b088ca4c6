//! A message that waits to be published.

use std::fmt;

use ballet_core::fault::WorksOn;
use ballet_core::topology::EVENTS;

use crate::session::message::Publish;

/// A message that waits to be published.
///
/// The client keeps what it sends, so the message is made for each attempt. The waiting form may be
/// smaller.
pub trait Outgoing: fmt::Debug + Send + Sync {
    /// Returns the exchange to publish to.
    fn exchange(&self) -> &str;

    /// Returns the routing key.
    fn routing_key(&self) -> &str;

    /// Returns the length of the body.
    fn body_len(&self) -> usize;

    /// Makes the message. It is the same for each attempt.
    fn to_publish(&self) -> Publish;
}

impl Outgoing for Publish {
    fn exchange(&self) -> &str {
        &self.exchange
    }

    fn routing_key(&self) -> &str {
        &self.routing_key
    }

    fn body_len(&self) -> usize {
        self.body.len()
    }

    fn to_publish(&self) -> Self {
        self.clone()
    }
}

impl WorksOn for dyn Outgoing {
    fn names(&self) -> Vec<String> {
        let exchange = self.exchange();
        let name = if exchange == EVENTS { self.routing_key() } else { exchange };
        vec![name.to_owned()]
    }
}
