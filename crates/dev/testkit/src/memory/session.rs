//! A connection to the in-memory broker.

use std::sync::{Arc, Mutex};

use ballet_amqp::{
    BrokerError, Confirms, Deliveries, FoundObject, Lookup, Object, Peer, Publish, Session,
    StreamStart,
};
use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::{self, StreamExt};
use tokio::sync::{mpsc, watch};

use crate::memory::state::{BrokerState, ClientConnection, lock};

#[derive(Debug)]
pub(super) struct MemorySession {
    pub(super) state: Arc<Mutex<BrokerState>>,
    pub(super) id: u64,
    pub(super) peer: Peer,
    pub(super) blocked: watch::Receiver<bool>,
    pub(super) closed: watch::Receiver<Option<BrokerError>>,
}

impl MemorySession {
    /// The process is 0 for a client that is none.
    pub(super) fn open(
        state: &Arc<Mutex<BrokerState>>,
        name: &str,
        process: u64,
        peer: Peer,
    ) -> Self {
        let mut locked = lock(state);
        locked.next_connection += 1;
        let id = locked.next_connection;
        let connection = ClientConnection::new(name, process, locked.faults.blocked);
        let session = Self {
            state: Arc::clone(state),
            id,
            peer,
            blocked: connection.blocked.subscribe(),
            closed: connection.closed.subscribe(),
        };
        locked.connections.insert(id, connection);
        session
    }

    fn gone(&self) -> BrokerError {
        let cause = self.closed.borrow().clone();
        cause.unwrap_or_else(|| BrokerError::Lost("the session is closed".to_owned()))
    }

    fn done(&self, done: bool) -> BoxFuture<'_, Result<(), BrokerError>> {
        ready(if done { Ok(()) } else { Err(self.gone()) }).boxed()
    }
}

impl Session for MemorySession {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    /// It is listed beside the connections, and outlives this one.
    fn channel(&self) -> BoxFuture<'_, Result<Arc<dyn Session>, BrokerError>> {
        let opener = lock(&self.state)
            .connections
            .get(&self.id)
            .map(|open| (format!("{} channel", open.name), open.process));
        let opened = opener.map(|(name, of)| Self::open(&self.state, &name, of, self.peer.clone()));
        ready(opened.map(|open| Arc::new(open) as Arc<dyn Session>).ok_or_else(|| self.gone()))
            .boxed()
    }

    fn find<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Lookup, BrokerError>> {
        let state = lock(&self.state);
        let counts = match object {
            Object::Exchange(name) => state.exchanges.get(name).map(|_| (0, 0)),
            Object::Queue(name) => {
                state.queues.get(name).map(|queue| (queue.ready.len(), queue.consumers.len()))
            }
        };
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let found = counts.map_or(Lookup::Absent, |(messages, consumers)| {
            Lookup::Found(FoundObject { messages: count(messages), consumers: count(consumers) })
        });
        ready(Ok(found)).boxed()
    }

    fn consume<'a>(
        &'a self,
        queue: &'a str,
        consumer_tag: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>> {
        let receiver = lock(&self.state).consume(self.id, queue, consumer_tag, prefetch);
        ready(receiver.map(|receiver| received(receiver).boxed()).ok_or_else(|| self.gone()))
            .boxed()
    }

    fn consume_stream<'a>(
        &'a self,
        stream: &'a str,
        consumer_tag: &'a str,
        _: u16,
        start: StreamStart,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>> {
        let receiver = lock(&self.state).read_stream(self.id, stream, consumer_tag, start);
        ready(receiver.map(|receiver| received(receiver).boxed()).ok_or_else(|| self.gone()))
            .boxed()
    }

    fn cancel<'a>(&'a self, consumer_tag: &'a str) -> BoxFuture<'a, Result<(), BrokerError>> {
        lock(&self.state).cancel(self.id, consumer_tag);
        self.done(self.closed.borrow().is_none())
    }

    fn ack(&self, tag: u64, multiple: bool) -> BoxFuture<'_, Result<(), BrokerError>> {
        let mut state = lock(&self.state);
        let done = state.ack(self.id, tag, multiple);
        if !done {
            let text = format!("PRECONDITION_FAILED - unknown delivery tag {tag}");
            state.disconnect(self.id, &BrokerError::ChannelClosed { code: 406, text });
        }
        drop(state);
        self.done(done)
    }

    fn give_back(&self, tag: u64) -> BoxFuture<'_, Result<(), BrokerError>> {
        let done = lock(&self.state).give_back(self.id, tag);
        self.done(done)
    }

    fn confirms(&self) -> BoxFuture<'_, Result<Confirms, BrokerError>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = lock(&self.state);
        let Some(connection) = state.connections.get_mut(&self.id) else {
            return ready(Err(self.gone())).boxed();
        };
        connection.confirms = Some(sender);
        let confirms = received(receiver).map(|confirmed| confirmed.map(|one| vec![one]));
        ready(Ok(confirms.boxed())).boxed()
    }

    fn publish(&self, message: Publish) -> Result<u64, BrokerError> {
        if message.routing_key.len() > 255 || message.exchange.len() > 255 {
            return Err(BrokerError::Unrepresentable("a name is too long".to_owned()));
        }
        let mut state = lock(&self.state);
        let blocked = state.faults.blocked;
        let connection = state.connections.get_mut(&self.id).ok_or_else(|| self.gone())?;
        connection.published += 1;
        let number = connection.published;
        if blocked {
            connection.pending.push((number, message));
        } else {
            state.publish(self.id, number, &message);
        }
        Ok(number)
    }

    fn blocked(&self) -> watch::Receiver<bool> {
        self.blocked.clone()
    }

    fn closed(&self) -> watch::Receiver<Option<BrokerError>> {
        self.closed.clone()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let cause = BrokerError::Lost("closed by us".to_owned());
        lock(&self.state).disconnect(self.id, &cause);
        ready(()).boxed()
    }
}

impl Drop for MemorySession {
    fn drop(&mut self) {
        let cause = BrokerError::Lost("dropped by us".to_owned());
        lock(&self.state).disconnect(self.id, &cause);
    }
}

fn received<T: Send + 'static>(
    mut receiver: mpsc::UnboundedReceiver<T>,
) -> impl stream::Stream<Item = T> + Send {
    stream::poll_fn(move |cx| receiver.poll_recv(cx))
}
