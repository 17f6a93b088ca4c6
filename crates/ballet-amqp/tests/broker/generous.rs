//! The broker in memory, except that it sends more ahead than it is asked for.

use std::sync::Arc;

use ballet_amqp::{
    Broker, BrokerError, Confirms, Deliveries, Lookup, Object, Peer, Publish, Session,
};
use ballet_testkit::memory::MemoryBroker;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Generous(pub(crate) MemoryBroker);

impl Broker for Generous {
    fn connect<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>> {
        self.0
            .connect(name)
            .map(|inner| Ok(Arc::new(GenerousSession(inner?)) as Arc<dyn Session>))
            .boxed()
    }
}

#[derive(Debug)]
struct GenerousSession(Arc<dyn Session>);

impl Session for GenerousSession {
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        tag: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>> {
        self.0.consume(queue, tag, prefetch.max(10))
    }

    fn peer(&self) -> &Peer {
        self.0.peer()
    }

    fn find<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Lookup, BrokerError>> {
        self.0.find(object)
    }

    fn cancel<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.0.cancel(tag)
    }

    fn ack(&self, tag: u64, multiple: bool) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.0.ack(tag, multiple)
    }

    fn give_back(&self, tag: u64) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.0.give_back(tag)
    }

    fn confirms(&self) -> BoxFuture<'_, Result<Confirms, BrokerError>> {
        self.0.confirms()
    }

    fn publish(&self, message: &Publish) -> Result<u64, BrokerError> {
        self.0.publish(message)
    }

    fn blocked(&self) -> watch::Receiver<bool> {
        self.0.blocked()
    }

    fn closed(&self) -> watch::Receiver<Option<BrokerError>> {
        self.0.closed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.close()
    }
}
