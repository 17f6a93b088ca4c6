//! Exchanges and queues by name, and the broker's facts about them.

use std::fmt;

/// An exchange or queue that a service expects in the broker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// An exchange, by name.
    Exchange(String),
    /// A queue, by name.
    Queue(String),
}

/// A queue for copies of what other queues get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyQueue {
    /// Its name.
    pub name: String,
    /// The exchange and the routing key of each of its bindings.
    pub bindings: Vec<(String, String)>,
    /// The most messages that it holds.
    pub most_messages: u32,
    /// The most bytes of bodies that it holds.
    pub most_bytes: u32,
    /// How long it stays without a consumer, in milliseconds.
    pub expires: u32,
}

/// An object that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundObject {
    /// The number of ready messages in a queue; 0 for an exchange.
    pub messages: u32,
    /// The number of consumers of a queue; 0 for an exchange.
    pub consumers: u32,
}

/// Objects that a service needs and the broker does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingObjects {
    /// The virtual host.
    pub vhost: String,
    /// The missing objects.
    pub objects: Vec<Object>,
}

impl fmt::Display for MissingObjects {
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
        let missing = MissingObjects {
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
