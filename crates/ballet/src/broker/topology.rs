//! The passive look at what a service needs in the broker.

use std::fmt;

use super::{BrokerError, Object, Session};

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

/// What a service needs and the broker does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Where it is missing.
    pub vhost: String,
    /// What is missing.
    pub objects: Vec<Object>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, object) in self.objects.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match object {
                Object::Exchange(name) => write!(f, "{comma}exchange `{name}`")?,
                Object::Queue(name) => write!(f, "{comma}queue `{name}`")?,
            }
        }
        let verb = if self.objects.len() == 1 { "is" } else { "are" };
        write!(
            f,
            " {verb} missing in vhost `{}`: apply broker/definitions.json with \
             `ballet topology apply`",
            self.vhost
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_missing_where_and_what_to_do() {
        let missing = Missing {
            vhost: "shop".to_owned(),
            objects: vec![
                Object::Queue("orders".to_owned()),
                Object::Exchange("events".to_owned()),
            ],
        };
        assert_eq!(
            missing.to_string(),
            "queue `orders`, exchange `events` are missing in vhost `shop`: apply \
             broker/definitions.json with `ballet topology apply`"
        );
    }
}
