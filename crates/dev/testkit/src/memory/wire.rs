//! The connection between one process and the broker, which a crash cuts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ballet_amqp::{Broker, BrokerError, Session};
use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::memory::broker::MemoryBroker;

/// A process's connection to the broker. Once it is cut, what is left of the process cannot reach the broker.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    broker: MemoryBroker,
    cut: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) fn to(broker: &MemoryBroker) -> Self {
        Self { broker: broker.clone(), cut: Arc::default() }
    }

    /// Cuts this connection, and closes all connections to the broker.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.broker.drop_connections("");
    }
}

impl Broker for Wire {
    fn connect<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>> {
        if self.cut.load(Ordering::SeqCst) {
            let (at, reason) = ("memory".to_owned(), "the process is gone".to_owned());
            return ready(Err(BrokerError::Unreachable { at, reason })).boxed();
        }
        self.broker.connect(name)
    }
}
