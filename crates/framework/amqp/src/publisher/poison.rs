//! Finds the message that made the broker close the channel.
//!
//! One refused publish closes the channel, and leaves the fate of every unconfirmed message
//! unknown. Unless that message is found, every republish ends the same way.

use std::collections::BTreeSet;

use ballet_core::topology::EVENTS;

use crate::publisher::batches::InFlight;
use crate::publisher::outgoing::Outgoing;
use crate::session::error::BrokerError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BlamedMessages {
    /// None: the connection was lost, or the broker closed it for its own reasons.
    Nobody,
    /// The matching messages can never be published.
    Unpublishable(Matcher),
    /// The matching messages cannot be published until the broker is fixed.
    Held(Matcher),
    /// One of the messages, or something on the way to the broker, or the broker itself. Publishing
    /// them one by one shows which.
    OneOfThem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matcher {
    Key { key: String, exchange: String },
    Exchange(String),
    Size(usize),
}

impl Matcher {
    /// Selects the messages of this exchange with this key.
    pub(super) fn of(message: &dyn Outgoing) -> Self {
        let (key, exchange) = (message.routing_key().to_owned(), message.exchange().to_owned());
        Self::Key { key, exchange }
    }

    /// Returns true if it selects an exchange as a whole, events of one of these keys, or a key at
    /// another exchange than that of the events, where a service has no key but its own.
    fn is_of(&self, keys: &BTreeSet<String>) -> bool {
        match self {
            Self::Exchange(_) => true,
            Self::Key { key, exchange } => exchange != EVENTS || keys.contains(key),
            Self::Size(_) => false,
        }
    }

    pub(super) fn is_of_exchange(&self) -> bool {
        matches!(self, Self::Exchange(_))
    }

    pub(super) fn matches(&self, message: &dyn Outgoing) -> bool {
        match self {
            Self::Key { key, exchange } => {
                message.routing_key() == key && message.exchange() == exchange
            }
            Self::Exchange(exchange) => message.exchange() == exchange,
            Self::Size(size) => message.body_len() == *size,
        }
    }
}

/// Interprets the broker's error, given the `unconfirmed` messages on the channel and the `keys`
/// that the service may write.
///
/// A message that is refused for its exchange is held until the right or the exchange is there. So
/// is one that is refused for a declared key, and a copy, whose key is its service's name. Another
/// key is the message's own fault.
pub(super) fn blame(
    cause: &BrokerError,
    unconfirmed: &[InFlight],
    keys: &BTreeSet<String>,
) -> BlamedMessages {
    // The matcher, and whether its messages wait for a repair of the broker.
    let found = match cause {
        BrokerError::ChannelClosed { code: 403, text } => {
            access_refused(text).map(|matcher| (matcher.is_of(keys), matcher))
        }
        BrokerError::ChannelClosed { code: 404, text } => {
            quoted(text, "exchange '").map(|name| (true, Matcher::Exchange(name.to_owned())))
        }
        BrokerError::ChannelClosed { code: 406, text } => {
            size(text).map(|size| (false, Matcher::Size(size)))
        }
        // Also caused by one message: a property that the broker cannot accept.
        BrokerError::ChannelClosed { .. }
        | BrokerError::ConnectionClosed { code: 501..=505 | 541, .. } => None,
        _ => return BlamedMessages::Nobody,
    };
    let is_there = |(_, matcher): &(bool, Matcher)| {
        unconfirmed.iter().any(|entry| matcher.matches(&*entry.message))
    };
    match found.filter(is_there) {
        Some((true, matcher)) => BlamedMessages::Held(matcher),
        Some((false, matcher)) => BlamedMessages::Unpublishable(matcher),
        None => BlamedMessages::OneOfThem,
    }
}

/// `... access to topic 'payments.x' in exchange 'events' in vhost ...` or
/// `... access to exchange 'events' in vhost ...`.
fn access_refused(text: &str) -> Option<Matcher> {
    if let Some((_, rest)) = text.split_once("topic '") {
        let (key, rest) = rest.split_once("' in exchange '")?;
        let (exchange, _) = rest.split_once('\'')?;
        return Some(Matcher::Key { key: key.to_owned(), exchange: exchange.to_owned() });
    }
    quoted(text, "exchange '").map(|exchange| Matcher::Exchange(exchange.to_owned()))
}

fn quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once('\'').map(|(name, _)| name)
}

/// `... message size 134217729 is larger than configured max size 134217728`.
fn size(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("message size ")?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_broker_says() {
        let key = |key: &str| Matcher::Key { key: key.to_owned(), exchange: "events".to_owned() };
        for (text, expected) in [
            (
                "ACCESS_REFUSED - access to topic 'stock.x' in exchange 'events' in vhost 'shop' \
                 refused for user 'orders'",
                key("stock.x"),
            ),
            (
                "ACCESS_REFUSED - write access to topic 'it's' in exchange 'events' in vhost 'shop' \
                 refused for user 'orders'",
                key("it's"),
            ),
            (
                "ACCESS_REFUSED - access to exchange 'retry' in vhost 'shop' refused for user 'orders'",
                Matcher::Exchange("retry".to_owned()),
            ),
        ] {
            assert_eq!(access_refused(text), Some(expected), "{text}");
        }
        assert_eq!(
            size("PRECONDITION_FAILED - message size 17 is larger than configured max size 16"),
            Some(17)
        );
    }

    #[test]
    fn a_missing_right_is_waited_for_unless_the_key_is_none_of_ours() {
        let keys = BTreeSet::from(["orders.order_placed.v1".to_owned()]);
        let of = |matcher: Matcher| matcher.is_of(&keys);
        let key = |key: &str, exchange: &str| Matcher::Key {
            key: key.to_owned(),
            exchange: exchange.to_owned(),
        };
        assert!(of(Matcher::Exchange("events".to_owned())));
        assert!(of(key("orders.order_placed.v1", "events")) && !of(key("stock.forged", "events")));
        assert!(of(key("orders", "dead")), "a copy");
    }

    #[test]
    fn a_lost_connection_is_nobodys_fault() {
        let keys = BTreeSet::new();
        assert_eq!(
            blame(&BrokerError::Lost("reset".to_owned()), &[], &keys),
            BlamedMessages::Nobody
        );
        let forced =
            BrokerError::ConnectionClosed { code: 320, text: "CONNECTION_FORCED".to_owned() };
        assert_eq!(blame(&forced, &[], &keys), BlamedMessages::Nobody);
    }
}
