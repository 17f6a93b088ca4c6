//! A service that runs, and its stop.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::consumer::ConsumerHandle;
use crate::publisher::PublisherHandle;
use crate::{Handle, sweeper};

/// A service that runs. Dropping it ends it at once, as a crash would.
#[derive(Debug)]
pub struct Running {
    pub(super) address: SocketAddr,
    pub(super) handle: Handle,
    pub(super) consumer: ConsumerHandle,
    pub(super) publisher: PublisherHandle,
    pub(super) stop: watch::Sender<bool>,
    pub(super) tasks: JoinSet<()>,
    pub(super) drain: Duration,
}

impl Running {
    /// Where HTTP is served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the HTTP handlers see.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Stops: takes nothing new, ends what is in hand within the time that the settings give, and
    /// publishes what is committed. What is not done by then is done after the next start.
    pub async fn stop(mut self) {
        let drained = self.consumer.stop(self.drain).await;
        if drained.unsettled > 0 {
            tracing::warn!(
                unsettled = drained.unsettled,
                "not all messages were handled in time; the broker delivers them again"
            );
        }
        self.publisher.stop(self.drain).await;
        let engine = &self.handle.engine;
        if let Err(failure) = sweeper::flush_now(engine).await {
            tracing::warn!(
                "the last marks could not be written, their events are published once more: {failure}"
            );
        }
        self.stop.send_replace(true);
        if tokio::time::timeout(self.drain, async {
            while self.tasks.join_next().await.is_some() {}
        })
        .await
        .is_err()
        {
            tracing::warn!("some tasks did not end in time");
        }
        engine.pool.close().await;
    }
}
