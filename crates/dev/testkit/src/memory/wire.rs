//! The connection between one process and the broker, which a crash cuts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ballet_amqp::{Broker, BrokerError, Session};
use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::memory::broker::MemoryBroker;

static PROCESSES: AtomicU64 = AtomicU64::new(1);

/// A process's connection to the broker. Once it is cut, what is left of the process cannot reach the broker.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    broker: MemoryBroker,
    process: u64,
    cut: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) fn to(broker: &MemoryBroker) -> Self {
        let process = PROCESSES.fetch_add(1, Ordering::Relaxed);
        Self { broker: broker.clone(), process, cut: Arc::default() }
    }

    /// Cuts this connection for good.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.broker.drop_process(self.process);
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
        self.broker.connect_of(self.process, name)
    }
}
