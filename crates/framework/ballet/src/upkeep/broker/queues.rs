//! Tells how much waits in the service's queue, and in that of its dead letters.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::ConsumerHandle;
use ballet_core::topology::dead_queue;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::declare::handler::clock::Clock;
use crate::engine::engine::Engine;
use crate::engine::handlers::last_work::LastWork;
use crate::engine::stopping::waited;

const EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    /// The messages in the service's queue, and those that this process has and has not settled.
    pub(crate) messages: u32,
    /// The age of the newest message that this process has handled, or zero if none waits.
    /// Everything older is handled, since the queue is in order.
    pub(crate) seconds: f64,
}

#[derive(Clone)]
pub(crate) struct ServiceQueues {
    service: &'static str,
    consumer: Arc<ConsumerHandle>,
    last_work: Arc<LastWork>,
    clock: Clock,
    started: Timestamp,
}

impl ServiceQueues {
    pub(crate) fn of(engine: &Engine, consumer: Arc<ConsumerHandle>) -> Self {
        let clock = engine.time.clock.clone();
        let last_work = Arc::clone(&engine.handlers.last_work);
        let (service, started) = (engine.registry.service, clock.now());
        Self { service, consumer, last_work, clock, started }
    }

    /// Returns how far the service is behind, if the broker tells. A process without a handled
    /// message has waited since it started.
    pub(crate) fn backlog(&self) -> Option<Backlog> {
        let ready = self.length(self.service)?;
        let unsettled = u32::try_from(self.consumer.unsettled()).unwrap_or(u32::MAX);
        let messages = ready.saturating_add(unsettled);
        let newest = self.last_work.newest().unwrap_or(self.started);
        let behind = self.clock.now().duration_since(newest).as_secs_f64().max(0.0);
        Some(Backlog { messages, seconds: if messages == 0 { 0.0 } else { behind } })
    }

    fn length(&self, queue: &str) -> Option<u32> {
        self.consumer.lengths().borrow().get(queue).copied()
    }

    /// Measures until the service stops. Without an answer of the broker the last figures stay.
    pub(crate) async fn watch(self, mut stopping: watch::Receiver<bool>) {
        let dead_queue = dead_queue(self.service);
        loop {
            if let Some(Backlog { messages, seconds }) = self.backlog() {
                metrics::gauge!("ballet_queue_messages").set(messages);
                metrics::gauge!("ballet_queue_behind_seconds").set(seconds);
                let members = f64::from(self.last_work.members_on_average());
                metrics::gauge!("ballet_queue_members").set(f64::from(messages) * members);
            }
            if let Some(dead) = self.length(&dead_queue) {
                metrics::gauge!("ballet_dead_queue_messages").set(dead);
            }
            if !waited(&mut stopping, EVERY).await {
                return;
            }
        }
    }
}
