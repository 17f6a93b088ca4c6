//! A broker whose URL, or that of its management API, is in a file, which is read again for each connection.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use ballet_amqp::{Broker, BrokerError, NotListed, RabbitMq, Session};
use ballet_core::topology::Binding;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::service::settings::url_file::UrlFile;

/// Makes the broker from what the files hold now.
type Make = dyn Fn() -> Result<RabbitMq, String> + Send + Sync;

/// A broker that takes its URLs from files. Connections stay as they are: RabbitMQ asks for the password only
/// when one is made.
pub(super) struct RenewedBroker {
    files: Vec<UrlFile>,
    make: Box<Make>,
    current: RwLock<Arc<RabbitMq>>,
}

impl RenewedBroker {
    pub(super) fn new(files: Vec<UrlFile>, broker: RabbitMq, make: Box<Make>) -> Self {
        Self { files, make, current: RwLock::new(Arc::new(broker)) }
    }

    fn current(&self) -> Arc<RabbitMq> {
        for file in &self.files {
            file.read_again(|_| {
                let broker = Arc::new((self.make)()?);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = broker;
                Ok(())
            });
        }
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for RenewedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.current.fmt(f)
    }
}

impl Broker for RenewedBroker {
    fn connect<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>> {
        async move { self.current().connect(name).await }.boxed()
    }

    fn bindings(&self) -> BoxFuture<'_, Result<Vec<Binding>, NotListed>> {
        async move { self.current().bindings().await }.boxed()
    }

    fn queues(&self) -> BoxFuture<'_, Result<Vec<Value>, NotListed>> {
        async move { self.current().queues().await }.boxed()
    }
}
