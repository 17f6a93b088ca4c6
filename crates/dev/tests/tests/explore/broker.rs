//! The broker in memory with one more fault: lost acknowledgements.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ballet_amqp::{
    Broker, BrokerError, Confirms, Deliveries, Lookup, Object, Peer, Publish, Session,
};
use ballet_testkit::memory::MemoryBroker;
use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::sync::watch;

#[derive(Debug, Clone)]
pub(crate) struct LossyBroker {
    pub(crate) memory: MemoryBroker,
    acks: Arc<AckLosses>,
}

#[derive(Debug, Default)]
struct AckLosses {
    lost: AtomicBool,
    /// Whether this connection's process counts as dead.
    dead: AtomicBool,
    /// How many deliveries the lost acknowledgements stood for.
    count: AtomicU64,
}

impl LossyBroker {
    pub(crate) fn new(memory: MemoryBroker) -> Self {
        Self { memory, acks: Arc::default() }
    }

    /// To be set while no acknowledgement is outstanding.
    pub(crate) fn lose_acks(&self, lost: bool) {
        self.acks.count.store(0, Ordering::SeqCst);
        self.acks.lost.store(lost, Ordering::SeqCst);
    }

    /// What the process did not acknowledge goes back to the queue.
    pub(crate) fn kill(&self) {
        self.acks.dead.store(true, Ordering::SeqCst);
        self.memory.drop_connections("");
    }

    /// Ready and unacknowledged messages.
    pub(crate) fn left(&self, queue: &str) -> (usize, usize) {
        (self.memory.ready(queue).len(), self.memory.unacked(queue))
    }

    /// Whether the queue is settled, as its consumer sees it.
    pub(crate) fn is_settled(&self, queue: &str) -> bool {
        let outstanding = self.memory.unacked(queue) as u64;
        outstanding == self.acks.count.load(Ordering::SeqCst) && self.memory.ready(queue).is_empty()
    }
}

impl Broker for LossyBroker {
    fn connect<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>> {
        async move {
            if self.acks.dead.load(Ordering::SeqCst) {
                return Err(BrokerError::Lost("the process is dead".to_owned()));
            }
            let inner = self.memory.connect(name).await?;
            let session =
                LossySession { inner, acks: Arc::clone(&self.acks), acked: Mutex::default() };
            Ok(Arc::new(session) as Arc<dyn Session>)
        }
        .boxed()
    }
}

#[derive(Debug)]
struct LossySession {
    inner: Arc<dyn Session>,
    acks: Arc<AckLosses>,
    acked: Mutex<AckedTags>,
}

/// Acknowledges everything up to a tag, and tags above it one by one.
#[derive(Debug, Default)]
struct AckedTags {
    to: u64,
    apart: BTreeSet<u64>,
}

impl AckedTags {
    fn add(&mut self, tag: u64, multiple: bool) -> u64 {
        assert!(tag > self.to && !self.apart.contains(&tag), "no tag is acknowledged twice");
        if !multiple {
            self.apart.insert(tag);
            return 1;
        }
        let above = self.apart.split_off(&tag);
        let apart = std::mem::replace(&mut self.apart, above).len() as u64;
        tag - std::mem::replace(&mut self.to, tag) - apart
    }
}

impl Session for LossySession {
    fn ack(&self, tag: u64, multiple: bool) -> BoxFuture<'_, Result<(), BrokerError>> {
        let mut acked = self.acked.lock().expect("not poisoned");
        let count = acked.add(tag, multiple);
        if self.acks.lost.load(Ordering::SeqCst) {
            self.acks.count.fetch_add(count, Ordering::SeqCst);
            return ready(Ok(())).boxed();
        }
        drop(acked);
        self.inner.ack(tag, multiple)
    }

    fn peer(&self) -> &Peer {
        self.inner.peer()
    }

    fn find<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Lookup, BrokerError>> {
        self.inner.find(object)
    }

    fn consume<'a>(
        &'a self,
        queue: &'a str,
        tag: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>> {
        self.inner.consume(queue, tag, prefetch)
    }

    fn cancel<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.inner.cancel(tag)
    }

    fn give_back(&self, tag: u64) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.inner.give_back(tag)
    }

    fn confirms(&self) -> BoxFuture<'_, Result<Confirms, BrokerError>> {
        self.inner.confirms()
    }

    fn publish(&self, message: Publish) -> Result<u64, BrokerError> {
        self.inner.publish(message)
    }

    fn blocked(&self) -> watch::Receiver<bool> {
        self.inner.blocked()
    }

    fn closed(&self) -> watch::Receiver<Option<BrokerError>> {
        self.inner.closed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
