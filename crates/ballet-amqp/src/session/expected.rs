//! The passive look at what a service needs in the broker.

use crate::session::error::BrokerError;
use crate::session::object::{Missing, Object};
use crate::session::seam::Session;

/// What a service expects to find in the broker.
///
/// Only existence can be seen passively: arguments and bindings that differ stay hidden here.
/// `ballet topology` compares those.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    objects: Vec<Object>,
}

impl Expected {
    /// Expects nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects an exchange.
    #[must_use]
    pub fn exchange(mut self, name: impl Into<String>) -> Self {
        self.objects.push(Object::Exchange(name.into()));
        self
    }

    /// Expects a queue.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.objects.push(Object::Queue(name.into()));
        self
    }

    /// Looks for everything; the error names all that is missing.
    pub async fn check(&self, session: &dyn Session) -> Result<(), BrokerError> {
        let mut objects = Vec::new();
        for object in &self.objects {
            if session.find(object).await?.is_none() {
                objects.push(object.clone());
            }
        }
        if objects.is_empty() {
            return Ok(());
        }
        Err(BrokerError::Topology(Missing { vhost: session.peer().vhost.clone(), objects }))
    }
}
