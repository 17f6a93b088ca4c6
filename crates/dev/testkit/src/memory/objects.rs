//! The broker's objects: exchanges, bindings, queues and their messages.

use std::collections::VecDeque;

use ballet_amqp::headers::DELIVERY_COUNT;
use ballet_amqp::{AMQPValue, Delivery, FieldTable, Publish};

/// How an exchange routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeKind {
    /// By patterns with `*` and `#`.
    Topic,
    /// To everything that is bound.
    Fanout,
    /// By the exact key.
    Direct,
    /// By headers: a message needs all those that the binding lists.
    Headers,
}

/// The limits of a queue for messages that come back to it.
#[derive(Debug, Clone, Default)]
pub struct QueueOptions {
    /// The number of redeliveries after which a message becomes a dead letter.
    pub delivery_limit: Option<i64>,
    /// The exchange and routing key for dead letters. Without them, dead letters are lost.
    pub dead_letter: Option<(String, String)>,
}

#[derive(Debug)]
pub(super) struct BrokerExchange {
    pub(super) kind: ExchangeKind,
    pub(super) alternate: Option<String>,
    pub(super) bindings: Vec<ExchangeBinding>,
}

#[derive(Debug)]
pub(super) struct ExchangeBinding {
    pub(super) key: String,
    /// The headers that a message must have, for kind `headers`.
    pub(super) headers: Vec<(String, String)>,
    pub(super) target: BindingTarget,
}

#[derive(Debug, Clone)]
pub(super) enum BindingTarget {
    Queue(String),
    Exchange(String),
}

#[derive(Debug, Default)]
pub(super) struct BrokerQueue {
    pub(super) options: QueueOptions,
    /// A log, of which nothing is taken.
    pub(super) is_stream: bool,
    pub(super) ready: VecDeque<QueuedMessage>,
    /// Connection and consumer tag, in the order of their turns.
    pub(super) consumers: VecDeque<(u64, String)>,
}

#[derive(Debug, Clone)]
pub(super) struct QueuedMessage {
    pub(super) publish: Publish,
    pub(super) earlier_deliveries: i64,
}

impl QueuedMessage {
    pub(super) fn deliver(&self, tag: u64) -> Delivery {
        let publish = &self.publish;
        let mut properties = publish.properties.clone();
        if self.earlier_deliveries > 0 {
            let mut headers =
                properties.headers().as_ref().map_or_else(FieldTable::default, Clone::clone);
            let count = AMQPValue::LongLongInt(self.earlier_deliveries);
            headers.insert(DELIVERY_COUNT.into(), count);
            properties = properties.with_headers(headers);
        }
        Delivery {
            tag,
            redelivered: self.earlier_deliveries > 0,
            exchange: publish.exchange.clone(),
            routing_key: publish.routing_key.clone(),
            properties,
            body: publish.body.to_vec(),
        }
    }
}
