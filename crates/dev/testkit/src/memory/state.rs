//! The broker's state, behind one lock: connections, routing, deliveries, acknowledgements.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ballet_amqp::headers::text_header;
use ballet_amqp::{BrokerError, Delivery, MessageConfirm, Publish, PublishOutcome, pack};
use ballet_ops::stream::TypePattern;
use tokio::sync::{mpsc, watch};

use crate::memory::objects::{
    BindingTarget, BrokerExchange, BrokerQueue, ExchangeBinding, ExchangeKind, QueuedMessage,
};

#[derive(Debug, Default)]
pub(super) struct BrokerState {
    pub(super) exchanges: BTreeMap<String, BrokerExchange>,
    pub(super) queues: BTreeMap<String, BrokerQueue>,
    pub(super) connections: BTreeMap<u64, ClientConnection>,
    pub(super) next_connection: u64,
    pub(super) taken: Vec<Publish>,
    pub(super) faults: BrokerFaults,
    /// Told when a message is taken, given back or acknowledged, and when consumers come and go.
    pub(super) changes: watch::Sender<()>,
    /// How many acknowledgements named a delivery that is unknown, or was acknowledged before.
    pub(super) wrong_acks: usize,
}

#[derive(Debug, Default)]
pub(super) struct BrokerFaults {
    pub(super) unreachable: bool,
    pub(super) blocked: bool,
    pub(super) hold_confirms: bool,
    pub(super) unconfirmed_keys: Vec<String>,
    pub(super) lose_acks: bool,
    pub(super) lose_next_acks: usize,
    pub(super) nack: usize,
    pub(super) refused_keys: Vec<String>,
    pub(super) send_ahead: u16,
    /// Whether queues hand over only what [`BrokerState::hand_over`] chooses.
    pub(super) steps: bool,
}

#[derive(Debug)]
pub(super) struct ClientConnection {
    pub(super) name: String,
    /// The process that it belongs to.
    pub(super) process: u64,
    pub(super) blocked: watch::Sender<bool>,
    pub(super) closed: watch::Sender<Option<BrokerError>>,
    pub(super) confirms: Option<mpsc::UnboundedSender<Result<MessageConfirm, BrokerError>>>,
    pub(super) published: u64,
    /// Published while the broker blocked.
    pub(super) pending: Vec<(u64, Publish)>,
    pub(super) held_confirms: VecDeque<MessageConfirm>,
    /// The number of their events.
    pub(super) held_events: usize,
    pub(super) consumers: BTreeMap<String, QueueConsumer>,
    last_tag: u64,
    pub(super) unacked: BTreeMap<u64, Unacked>,
}

#[derive(Debug)]
pub(super) struct QueueConsumer {
    pub(super) queue: String,
    prefetch: usize,
    unacked: usize,
    sender: mpsc::UnboundedSender<Result<Delivery, BrokerError>>,
}

#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) queue: String,
    /// Whether its acknowledgement was lost.
    pub(super) is_lost: bool,
    consumer: String,
    message: QueuedMessage,
}

impl QueueConsumer {
    pub(super) fn of_stream(
        stream: &str,
        sender: mpsc::UnboundedSender<Result<Delivery, BrokerError>>,
    ) -> Self {
        Self { queue: stream.to_owned(), prefetch: usize::MAX, unacked: 0, sender }
    }

    pub(super) fn send(&mut self, delivery: Delivery) {
        self.unacked += 1;
        self.sender.send(Ok(delivery)).ok();
    }
}

impl Unacked {
    pub(super) fn new(queue: &str, consumer: &str, message: QueuedMessage) -> Self {
        let (queue, consumer) = (queue.to_owned(), consumer.to_owned());
        Self { queue, is_lost: false, consumer, message }
    }
}

impl ClientConnection {
    pub(super) fn next_tag(&mut self) -> u64 {
        self.last_tag += 1;
        self.last_tag
    }

    pub(super) fn new(name: &str, process: u64, blocked: bool) -> Self {
        Self {
            name: name.to_owned(),
            process,
            blocked: watch::Sender::new(blocked),
            closed: watch::Sender::new(None),
            confirms: None,
            published: 0,
            pending: Vec::new(),
            held_confirms: VecDeque::new(),
            held_events: 0,
            consumers: BTreeMap::new(),
            last_tag: 0,
            unacked: BTreeMap::new(),
        }
    }
}

impl BrokerState {
    pub(super) fn publish(&mut self, connection: u64, number: u64, message: &Publish) {
        let refused = self.faults.refused_keys.contains(&message.routing_key);
        let unknown =
            !message.exchange.is_empty() && !self.exchanges.contains_key(&message.exchange);
        if refused || unknown {
            let Publish { exchange, routing_key, .. } = message;
            let (code, text) = if refused {
                let what = format!("topic '{routing_key}' in exchange '{exchange}'");
                (403, format!("ACCESS_REFUSED - access to {what} in vhost 'memory' refused"))
            } else {
                (404, format!("NOT_FOUND - no exchange '{exchange}' in vhost 'memory'"))
            };
            self.disconnect(connection, &BrokerError::ChannelClosed { code, text });
            return;
        }
        let outcome = self.accept(message);
        let Some(connection) = self.connections.get_mut(&connection) else { return };
        let confirmed = MessageConfirm { number, outcome };
        if self.faults.hold_confirms || self.faults.unconfirmed_keys.contains(&message.routing_key)
        {
            connection.held_confirms.push_back(confirmed);
            connection.held_events += pack::apart(message).len().max(1);
        } else if let Some(confirms) = &connection.confirms {
            confirms.send(Ok(confirmed)).ok();
        }
    }

    pub(super) fn accept(&mut self, message: &Publish) -> PublishOutcome {
        if self.faults.nack > 0 {
            self.faults.nack -= 1;
            return PublishOutcome::Nack;
        }
        let mut queues = Vec::new();
        if message.exchange.is_empty() {
            queues.extend(self.queues.get_key_value(&message.routing_key).map(|(q, _)| q.clone()));
        } else {
            self.route(&message.exchange, message, &mut queues);
        }
        if queues.is_empty() && message.mandatory {
            return PublishOutcome::Returned { code: 312, text: "NO_ROUTE".to_owned() };
        }
        self.taken.push(message.clone());
        self.changes.send_replace(());
        for queue in queues {
            if self.is_stream(&queue) {
                self.append(&queue, message);
                continue;
            }
            if let Some(queue) = self.queues.get_mut(&queue) {
                let message = QueuedMessage { publish: message.clone(), earlier_deliveries: 0 };
                queue.ready.push_back(message);
            }
            self.dispatch(&queue);
        }
        PublishOutcome::Ack
    }

    fn route(&self, exchange: &str, message: &Publish, queues: &mut Vec<String>) {
        let key = &message.routing_key;
        let Some(exchange) = self.exchanges.get(exchange) else { return };
        let mut routed = false;
        for ExchangeBinding { key: pattern, headers, target } in &exchange.bindings {
            let takes = match exchange.kind {
                ExchangeKind::Fanout => true,
                ExchangeKind::Direct => pattern == key,
                ExchangeKind::Topic => {
                    pattern.parse().is_ok_and(|pattern: TypePattern| pattern.matches(key))
                }
                ExchangeKind::Headers => headers
                    .iter()
                    .all(|(name, value)| text_header(&message.properties, name) == Some(value)),
            };
            if !takes {
                continue;
            }
            routed = true;
            match target {
                BindingTarget::Queue(queue) if queues.contains(queue) => {}
                BindingTarget::Queue(queue) => queues.push(queue.clone()),
                BindingTarget::Exchange(exchange) => self.route(exchange, message, queues),
            }
        }
        if let (false, Some(alternate)) = (routed, &exchange.alternate) {
            self.route(alternate, message, queues);
        }
    }

    pub(super) fn consume(
        &mut self,
        connection: u64,
        queue: &str,
        tag: &str,
        prefetch: u16,
    ) -> Option<mpsc::UnboundedReceiver<Result<Delivery, BrokerError>>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let ahead = self.faults.send_ahead.max(prefetch);
        let prefetch = if prefetch == 0 { usize::MAX } else { usize::from(ahead) };
        let consumer = QueueConsumer { queue: queue.to_owned(), prefetch, unacked: 0, sender };
        self.connections.get_mut(&connection)?.consumers.insert(tag.to_owned(), consumer);
        self.queues.get_mut(queue)?.consumers.push_back((connection, tag.to_owned()));
        self.changes.send_replace(());
        self.dispatch(queue);
        Some(receiver)
    }

    /// Its deliveries stay with its connection.
    pub(super) fn cancel(&mut self, connection: u64, tag: &str) {
        let Some(at) = self.connections.get_mut(&connection) else { return };
        let Some(consumer) = at.consumers.remove(tag) else { return };
        if let Some(queue) = self.queues.get_mut(&consumer.queue) {
            queue.consumers.retain(|(of, named)| *of != connection || named != tag);
        }
    }

    /// Delivers in turn, up to the consumers' prefetch.
    fn dispatch(&mut self, name: &str) {
        if !self.faults.steps && !self.is_stream(name) {
            self.dispatch_up_to(name, usize::MAX);
        }
    }

    /// Hands over the message at this position, or a copy of it.
    pub(super) fn hand_over(&mut self, name: &str, at: usize, is_copy: bool) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        let message = if is_copy { queue.ready.get(at).cloned() } else { queue.ready.remove(at) };
        if let Some(message) = message {
            queue.ready.push_front(message);
        }
        self.dispatch_up_to(name, 1);
    }

    pub(super) fn step(&mut self, steps: bool) {
        self.faults.steps = steps;
        for queue in self.queues.keys().cloned().collect::<Vec<_>>() {
            self.dispatch(&queue);
        }
    }

    /// Takes a message out of the queue where it waits for its next attempt, to the queue that it comes back to.
    pub(super) fn bring_back(&mut self, name: &str, at: usize) {
        let message = self.queues.get_mut(name).and_then(|queue| queue.ready.remove(at));
        let Some(message) = message else { return };
        let queue = message.publish.routing_key.clone();
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.ready.push_back(message);
        }
        self.dispatch(&queue);
    }

    fn dispatch_up_to(&mut self, name: &str, most: usize) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        let (mut full, mut left) = (0, most);
        while full < queue.consumers.len() && !queue.ready.is_empty() && left > 0 {
            let Some((id, tag)) = queue.consumers.pop_front() else { return };
            queue.consumers.push_back((id, tag.clone()));
            let Some(connection) = self.connections.get_mut(&id) else { return };
            let Some(consumer) = connection.consumers.get_mut(&tag) else { return };
            if consumer.unacked >= consumer.prefetch {
                full += 1;
                continue;
            }
            full = 0;
            left -= 1;
            let Some(message) = queue.ready.pop_front() else { return };
            connection.last_tag += 1;
            consumer.send(message.deliver(connection.last_tag));
            connection.unacked.insert(connection.last_tag, Unacked::new(name, &tag, message));
        }
    }

    /// Returns `None` if the connection is gone, or a tag is unknown.
    fn take(&mut self, connection: u64, tags: &[u64]) -> Option<Vec<Unacked>> {
        self.changes.send_replace(());
        let connection = self.connections.get_mut(&connection)?;
        tags.iter()
            .map(|tag| {
                let unacked = connection.unacked.remove(tag)?;
                if let Some(consumer) = connection.consumers.get_mut(&unacked.consumer) {
                    consumer.unacked -= 1;
                }
                Some(unacked)
            })
            .collect()
    }

    pub(super) fn ack(&mut self, connection: u64, tag: u64, multiple: bool) -> bool {
        let is_lost = self.faults.lose_acks || self.faults.lose_next_acks > 0;
        self.faults.lose_next_acks = self.faults.lose_next_acks.saturating_sub(1);
        let Some(at) = self.connections.get_mut(&connection) else { return false };
        if at.unacked.get(&tag).is_none_or(|unacked| unacked.is_lost) {
            self.wrong_acks += 1;
            return false;
        }
        let first = if multiple { 0 } else { tag };
        if is_lost {
            at.unacked.range_mut(first..=tag).for_each(|(_, unacked)| unacked.is_lost = true);
            self.changes.send_replace(());
            return true;
        }
        let tags: Vec<u64> = at.unacked.range(first..=tag).map(|(tag, _)| *tag).collect();
        let Some(done) = self.take(connection, &tags) else { return false };
        for unacked in done {
            self.dispatch(&unacked.queue);
        }
        true
    }

    pub(super) fn give_back(&mut self, connection: u64, tag: u64) -> bool {
        let Some(done) = self.take(connection, &[tag]) else { return false };
        self.requeue(done);
        true
    }

    /// To the head of their queues, in order. Those beyond the delivery limit become dead letters.
    fn requeue(&mut self, back: Vec<Unacked>) {
        let mut touched = Vec::new();
        for Unacked { queue: name, mut message, .. } in back.into_iter().rev() {
            message.earlier_deliveries += 1;
            let Some(queue) = self.queues.get_mut(&name).filter(|queue| !queue.is_stream) else {
                continue;
            };
            let limit = queue.options.delivery_limit.unwrap_or(i64::MAX);
            if message.earlier_deliveries <= limit {
                queue.ready.push_front(message);
                touched.push(name);
            } else if let Some((exchange, routing_key)) = queue.options.dead_letter.clone() {
                self.accept(&Publish { exchange, routing_key, ..message.publish });
            }
        }
        for queue in touched {
            self.dispatch(&queue);
        }
    }

    pub(super) fn disconnect(&mut self, id: u64, cause: &BrokerError) {
        let Some(connection) = self.connections.remove(&id) else { return };
        self.changes.send_replace(());
        for queue in self.queues.values_mut() {
            queue.consumers.retain(|(of, _)| *of != id);
        }
        for consumer in connection.consumers.into_values() {
            consumer.sender.send(Err(cause.clone())).ok();
        }
        if let Some(confirms) = connection.confirms {
            confirms.send(Err(cause.clone())).ok();
        }
        connection.closed.send_replace(Some(cause.clone()));
        self.requeue(connection.unacked.into_values().collect());
    }
}

pub(super) fn lock(state: &Mutex<BrokerState>) -> MutexGuard<'_, BrokerState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
