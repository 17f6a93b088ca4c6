//! Checks passively that the broker has the objects a service needs.

use crate::session::error::BrokerError;
use crate::session::lookup::Lookup;
use crate::session::object::{MissingObjects, Object};
use crate::session::seam::Session;

/// The objects that a service expects in the broker.
///
/// A passive check shows only that an object exists. `ballet topology` compares its arguments and
/// bindings. An object that the user may not see counts as there, since its first use shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedObjects {
    objects: Vec<Object>,
}

impl ExpectedObjects {
    /// Creates an empty expectation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an exchange.
    #[must_use]
    pub fn exchange(mut self, name: impl Into<String>) -> Self {
        self.objects.push(Object::Exchange(name.into()));
        self
    }

    /// Adds a queue.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.objects.push(Object::Queue(name.into()));
        self
    }

    /// Looks for every object.
    ///
    /// # Errors
    ///
    /// [`BrokerError::Topology`] with all missing objects, or the error of the connection.
    pub async fn check(&self, session: &dyn Session) -> Result<(), BrokerError> {
        let mut objects = Vec::new();
        for object in &self.objects {
            if session.find(object).await? == Lookup::Absent {
                objects.push(object.clone());
            }
        }
        if objects.is_empty() {
            return Ok(());
        }
        Err(BrokerError::Topology(MissingObjects { vhost: session.peer().vhost.clone(), objects }))
    }
}
