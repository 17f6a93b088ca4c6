//! The wire between one process and the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ballet_amqp::{Broker, BrokerError, Session};
use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::memory::MemoryBroker;

/// The wire between one process and the broker. Once cut, nothing goes through any more, whatever
/// is left of the process does: it is gone.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    broker: MemoryBroker,
    cut: Arc<AtomicBool>,
}

impl Wire {
    pub(super) fn to(broker: &MemoryBroker) -> Self {
        Self { broker: broker.clone(), cut: Arc::default() }
    }

    /// Cuts it, and with it all others to the same broker.
    pub(super) fn cut(&self) {
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
