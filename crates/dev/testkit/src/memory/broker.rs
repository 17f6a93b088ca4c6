//! The handle of the broker: a test builds it, looks inside, and makes it fail.

use std::sync::{Arc, Mutex, MutexGuard};

use ballet::EventType;
use ballet::core::topology;
use ballet_amqp::{BasicProperties, Broker, BrokerError, Peer, Publish, PublishOutcome, Session};
use futures_util::future::{BoxFuture, FutureExt, ready};
use serde_json::Value;

use crate::memory::objects::{
    BindingTarget, BrokerExchange, BrokerQueue, ExchangeBinding, ExchangeKind, QueueOptions,
};
use crate::memory::session::MemorySession;
use crate::memory::state::{BrokerState, lock};

/// A broker in memory. Clones share its state.
#[derive(Debug, Clone, Default)]
pub struct MemoryBroker {
    state: Arc<Mutex<BrokerState>>,
}

impl MemoryBroker {
    /// Creates an empty broker.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a broker with the exchanges, queues and bindings of generated definitions.
    ///
    /// # Panics
    /// If an exchange has a kind that this broker does not know.
    #[must_use]
    pub fn with_definitions(definitions: &Value) -> Self {
        let broker = Self::new();
        let list = |name: &str| definitions[name].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        for exchange in list("exchanges") {
            let kind = match exchange["type"].as_str() {
                Some("topic") => ExchangeKind::Topic,
                Some("fanout") => ExchangeKind::Fanout,
                Some("direct") => ExchangeKind::Direct,
                Some("headers") => ExchangeKind::Headers,
                other => panic!("the in-memory broker has no exchanges of kind {other:?}"),
            };
            let name = text(&exchange["name"]).unwrap_or_default();
            broker.exchange(&name, kind);
            if let Some(alternate) = exchange["arguments"]["alternate-exchange"].as_str() {
                broker.alternate(&name, alternate);
            }
        }
        for queue in list("queues") {
            let (name, arguments) = (text(&queue["name"]).unwrap_or_default(), &queue["arguments"]);
            let dead_letter = text(&arguments["x-dead-letter-exchange"]);
            let dead_letter_key = text(&arguments["x-dead-letter-routing-key"]);
            let is_stream = arguments["x-queue-type"] == "stream";
            broker.queue_with(
                &name,
                QueueOptions {
                    delivery_limit: arguments["x-delivery-limit"].as_i64(),
                    dead_letter: dead_letter.zip(dead_letter_key),
                },
            );
            if let Some(queue) = broker.lock().queues.get_mut(&name) {
                queue.is_stream = is_stream;
            }
        }
        for binding in list("bindings") {
            let part = |name: &str| text(&binding[name]).unwrap_or_default();
            let (source, destination) = (part("source"), part("destination"));
            let target = match binding["destination_type"].as_str() {
                Some("exchange") => BindingTarget::Exchange(destination),
                _ => BindingTarget::Queue(destination),
            };
            let arguments = binding["arguments"].as_object().into_iter().flatten();
            let headers = arguments.filter(|(name, _)| *name != "x-match");
            let headers = headers.filter_map(|(name, value)| Some((name.clone(), text(value)?)));
            broker.bind_to(&source, &part("routing_key"), headers.collect(), target);
        }
        broker
    }

    /// Adds an exchange.
    pub fn exchange(&self, name: &str, kind: ExchangeKind) {
        let exchange = BrokerExchange { kind, alternate: None, bindings: Vec::new() };
        self.lock().exchanges.insert(name.to_owned(), exchange);
    }

    /// Sends what `exchange` cannot route to `alternate`.
    pub fn alternate(&self, exchange: &str, alternate: &str) {
        if let Some(exchange) = self.lock().exchanges.get_mut(exchange) {
            exchange.alternate = Some(alternate.to_owned());
        }
    }

    /// Adds a queue without a delivery limit.
    pub fn queue(&self, name: &str) {
        self.queue_with(name, QueueOptions::default());
    }

    /// Adds a queue.
    pub fn queue_with(&self, name: &str, options: QueueOptions) {
        self.lock()
            .queues
            .insert(name.to_owned(), BrokerQueue { options, ..BrokerQueue::default() });
    }

    /// Binds a queue to an exchange.
    pub fn bind(&self, exchange: &str, key: &str, queue: &str) {
        self.bind_to(exchange, key, Vec::new(), BindingTarget::Queue(queue.to_owned()));
    }

    fn bind_to(
        &self,
        source: &str,
        key: &str,
        headers: Vec<(String, String)>,
        target: BindingTarget,
    ) {
        if let Some(source) = self.lock().exchanges.get_mut(source) {
            source.bindings.push(ExchangeBinding { key: key.to_owned(), headers, target });
        }
    }

    /// Publishes a message as another client would.
    pub fn put(&self, message: &Publish) -> PublishOutcome {
        self.lock().accept(message)
    }

    /// Publishes an event of this type as a service would. See [`properties`](super::properties).
    #[doc(hidden)]
    pub fn put_event(
        &self,
        of: EventType,
        properties: BasicProperties,
        body: Vec<u8>,
    ) -> PublishOutcome {
        self.put(&Publish {
            exchange: topology::EVENTS.to_owned(),
            routing_key: of.name().to_owned(),
            mandatory: true,
            properties,
            body: body.into(),
        })
    }

    /// Returns the messages of a queue that wait for a consumer.
    #[must_use]
    pub fn ready(&self, queue: &str) -> Vec<Publish> {
        let state = self.lock();
        let ready = state.queues.get(queue).map(|queue| &queue.ready);
        ready.into_iter().flatten().map(|message| message.publish.clone()).collect()
    }

    /// Returns how many messages of a queue are delivered but not acknowledged.
    #[must_use]
    pub fn unacked(&self, queue: &str) -> usize {
        let state = self.lock();
        let unacked = state.connections.values().flat_map(|at| at.unacked.values());
        unacked.filter(|unacked| unacked.queue == queue).count()
    }

    /// Returns how many messages of a queue wait, or are not acknowledged as far as their consumer knows.
    #[must_use]
    pub fn unsettled(&self, queue: &str) -> usize {
        let state = self.lock();
        let ready = state.queues.get(queue).map_or(0, |queue| queue.ready.len());
        let unacked = state.connections.values().flat_map(|at| at.unacked.values());
        ready + unacked.filter(|unacked| unacked.queue == queue && !unacked.is_lost).count()
    }

    /// Returns how many acknowledgements named a delivery that is unknown, or was acknowledged before.
    #[must_use]
    pub fn wrong_acks(&self) -> usize {
        self.lock().wrong_acks
    }

    /// Returns every message accepted so far, in order.
    #[must_use]
    pub fn taken(&self) -> Vec<Publish> {
        self.lock().taken.clone()
    }

    /// Returns how many messages were accepted so far, without copying them as [`taken`](Self::taken) does.
    #[must_use]
    pub fn taken_count(&self) -> usize {
        self.lock().taken.len()
    }

    /// Returns the names of the connections, oldest first.
    #[must_use]
    pub fn connections(&self) -> Vec<String> {
        self.lock().connections.values().map(|connection| connection.name.clone()).collect()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BrokerState> {
        lock(&self.state)
    }
}

impl MemoryBroker {
    /// Drops every connection whose name contains `name`. Their messages are delivered again.
    pub fn drop_connections(&self, name: &str) {
        let mut state = self.lock();
        let named = state.connections.iter().filter(|(_, at)| at.name.contains(name));
        let ids: Vec<_> = named.map(|(id, _)| *id).collect();
        for id in ids {
            state.disconnect(id, &BrokerError::Lost("dropped by the test".to_owned()));
        }
    }

    /// Makes new connections fail, or succeed again.
    pub fn unreachable(&self, unreachable: bool) {
        self.lock().faults.unreachable = unreachable;
    }

    /// Blocks publishing, as an alarm does. Messages published meanwhile are accepted when the block ends.
    pub fn block(&self, blocked: bool) {
        let mut state = self.lock();
        state.faults.blocked = blocked;
        let mut pending = Vec::new();
        for (id, connection) in &mut state.connections {
            connection.blocked.send_replace(blocked);
            if !blocked {
                let taken = std::mem::take(&mut connection.pending);
                pending.extend(taken.into_iter().map(|(number, message)| (*id, number, message)));
            }
        }
        for (id, number, message) in pending {
            state.publish(id, number, &message);
        }
    }

    /// Nacks the next `count` messages, as a full queue does.
    pub fn nack(&self, count: usize) {
        self.lock().faults.nack = count;
    }

    /// Refuses a routing key: publishing with it closes the channel.
    pub fn refuse_key(&self, key: &str) {
        self.lock().faults.refused_keys.push(key.to_owned());
    }

    /// Stops refusing routing keys.
    pub fn refuse_no_key(&self) {
        self.lock().faults.refused_keys.clear();
    }

    /// Holds confirms back from now on.
    pub fn hold_confirms(&self) {
        self.lock().faults.hold_confirms = true;
    }

    /// Holds back the confirms of messages with this routing key, as a queue without a leader does.
    pub fn hold_confirms_of(&self, key: &str) {
        self.lock().faults.unconfirmed_keys.push(key.to_owned());
    }

    /// Sends the held confirms, and sends further ones at once.
    pub fn release_confirms(&self) {
        let mut state = self.lock();
        state.faults.hold_confirms = false;
        state.faults.unconfirmed_keys.clear();
        for connection in state.connections.values_mut() {
            connection.held_events = 0;
            for confirmed in std::mem::take(&mut connection.held_confirms) {
                if let Some(confirms) = &connection.confirms {
                    confirms.send(Ok(confirmed)).ok();
                }
            }
        }
    }

    /// Loses acknowledgements, as when a process dies, or stops losing them.
    pub fn lose_acks(&self, lose: bool) {
        self.lock().faults.lose_acks = lose;
    }

    /// Loses the next acknowledgements. They seem done until their connection ends.
    pub fn lose_next_acks(&self, count: usize) {
        self.lock().faults.lose_next_acks = count;
    }

    /// Sends consumers at least this many messages ahead, whatever their prefetch.
    pub fn send_ahead(&self, count: u16) {
        self.lock().faults.send_ahead = count;
    }

    /// Cancels the consumers of a queue without an error, as its deletion does.
    pub fn cancel_consumers(&self, queue: &str) {
        let mut state = self.lock();
        let mut cancelled = Vec::new();
        for (id, connection) in &state.connections {
            let of_queue = connection.consumers.iter().filter(|(_, one)| one.queue == queue);
            cancelled.extend(of_queue.map(|(tag, _)| (*id, tag.clone())));
        }
        for (id, tag) in cancelled {
            state.cancel(id, &tag);
        }
    }
}

impl Broker for MemoryBroker {
    fn connect<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>> {
        self.connect_of(0, name)
    }
}

impl MemoryBroker {
    pub(super) fn connect_of(
        &self,
        process: u64,
        name: &str,
    ) -> BoxFuture<'static, Result<Arc<dyn Session>, BrokerError>> {
        let peer = Peer {
            address: "memory".to_owned(),
            vhost: "memory".to_owned(),
            user: "test".to_owned(),
        };
        if self.lock().faults.unreachable {
            let reason = "the test says so".to_owned();
            return ready(Err(BrokerError::Unreachable { at: peer.to_string(), reason })).boxed();
        }
        let session = MemorySession::open(&self.state, name, process, peer);
        ready(Ok(Arc::new(session) as Arc<dyn Session>)).boxed()
    }
}
