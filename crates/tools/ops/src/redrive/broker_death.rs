//! The broker's record about a message that it dead-letters itself.

use ballet_amqp::headers::{DEATHS, text};
use ballet_amqp::{AMQPValue, BasicProperties};
use jiff::Timestamp;

/// The latest entry of the broker's `x-death` header.
#[derive(Debug, Default)]
pub(crate) struct BrokerDeath {
    pub(crate) reason: Option<String>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) exchange: Option<String>,
    pub(crate) routing_key: Option<String>,
}

impl BrokerDeath {
    pub(crate) fn read(properties: &BasicProperties) -> Self {
        let headers = properties.headers().as_ref();
        let deaths = headers.and_then(|headers| headers.inner().get(DEATHS));
        let Some(AMQPValue::FieldArray(deaths)) = deaths else { return Self::default() };
        // The latest comes first.
        let Some(AMQPValue::FieldTable(last)) = deaths.as_slice().first() else {
            return Self::default();
        };
        let owned = |value: &AMQPValue| text(value).map(str::to_owned);
        let routing_key = match last.inner().get("routing-keys") {
            Some(AMQPValue::FieldArray(keys)) => keys.as_slice().first().and_then(owned),
            _ => None,
        };
        let at = match last.inner().get("time") {
            Some(AMQPValue::Timestamp(seconds)) => {
                i64::try_from(*seconds).ok().and_then(|s| Timestamp::from_second(s).ok())
            }
            _ => None,
        };
        let field = |name: &str| last.inner().get(name).and_then(owned);
        Self { reason: field("reason"), at, exchange: field("exchange"), routing_key }
    }
}
