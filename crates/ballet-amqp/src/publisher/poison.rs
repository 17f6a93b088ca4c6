//! Which message made the broker close the channel.
//!
//! One refused publish closes the channel and leaves every unconfirmed one on it unknown, so the
//! poison has to be found, or republishing would end the same way for ever.

use crate::publisher::batches::Entry;
use crate::session::error::BrokerError;
use crate::session::message::Publish;

/// What the broker's words say about the unconfirmed messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Blame {
    /// Nobody: the connection was lost, or the broker closed it for reasons of its own.
    Nobody,
    /// These can never be published.
    Unpublishable(Matcher),
    /// These cannot be published before the broker is put right.
    Held(Matcher),
    /// One of them; which one will show when they are published one by one.
    Somebody,
}

/// Which messages are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matcher {
    Key {
        key: String,
        exchange: Option<String>,
    },
    /// The key began like this; the broker cuts its words after 255 bytes.
    KeyPrefix(String),
    Exchange(String),
    Size(usize),
    Any,
}

impl Matcher {
    pub(super) fn matches(&self, message: &Publish) -> bool {
        match self {
            Self::Key { key, exchange } => {
                message.routing_key == *key
                    && exchange.as_ref().is_none_or(|exchange| message.exchange == *exchange)
            }
            Self::KeyPrefix(prefix) => message.routing_key.starts_with(prefix),
            Self::Exchange(exchange) => message.exchange == *exchange,
            Self::Size(size) => message.body.len() == *size,
            Self::Any => true,
        }
    }
}

/// Reads the broker's words. `unconfirmed` is what was on the channel when it died.
pub(super) fn blame(cause: &BrokerError, unconfirmed: &[Entry]) -> Blame {
    let alone = unconfirmed.len() == 1;
    let blame = match cause {
        BrokerError::ChannelClosed { code: 403, text } => {
            access_refused(text).map(Blame::Unpublishable)
        }
        BrokerError::ChannelClosed { code: 404, text } => {
            quoted(text, "exchange '").map(|name| Blame::Held(Matcher::Exchange(name.to_owned())))
        }
        BrokerError::ChannelClosed { code: 406, text } => {
            size(text).map(|size| Blame::Unpublishable(Matcher::Size(size)))
        }
        // Another cause that lies in one message: a property that the broker cannot accept.
        BrokerError::ChannelClosed { .. }
        | BrokerError::ConnectionClosed { code: 501..=505, .. } => None,
        // Perhaps one message, perhaps the broker's own trouble.
        BrokerError::ConnectionClosed { code: 541, .. } => {
            alone.then_some(Blame::Held(Matcher::Any))
        }
        _ => return Blame::Nobody,
    };
    match blame {
        Some(Blame::Unpublishable(matcher) | Blame::Held(matcher))
            if !unconfirmed.iter().any(|entry| matcher.matches(&entry.message)) =>
        {
            somebody(alone)
        }
        Some(blame) => blame,
        None => somebody(alone),
    }
}

/// Alone on the channel, it is the one.
fn somebody(alone: bool) -> Blame {
    if alone { Blame::Unpublishable(Matcher::Any) } else { Blame::Somebody }
}

/// `... access to topic 'payments.x' in exchange 'events' in vhost ...` or
/// `... access to exchange 'events' in vhost ...`.
fn access_refused(text: &str) -> Option<Matcher> {
    if let Some((_, rest)) = text.split_once("topic '") {
        return Some(match rest.split_once("' in exchange '") {
            Some((key, rest)) => Matcher::Key {
                key: key.to_owned(),
                exchange: rest.split_once('\'').map(|(exchange, _)| exchange.to_owned()),
            },
            None => Matcher::KeyPrefix(rest.trim_end_matches("...").to_owned()),
        });
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
        let key =
            |key: &str| Matcher::Key { key: key.to_owned(), exchange: Some("events".to_owned()) };
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
            (
                "ACCESS_REFUSED - access to topic 'aaaaaaaaaa",
                Matcher::KeyPrefix("aaaaaaaaaa".to_owned()),
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
    fn a_lost_connection_is_nobodys_fault() {
        assert_eq!(blame(&BrokerError::Lost("reset".to_owned()), &[]), Blame::Nobody);
        let forced =
            BrokerError::ConnectionClosed { code: 320, text: "CONNECTION_FORCED".to_owned() };
        assert_eq!(blame(&forced, &[]), Blame::Nobody);
    }
}
