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
