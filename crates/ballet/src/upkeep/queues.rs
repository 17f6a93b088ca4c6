//! Tells how much waits in the service's queue, and in that of its dead letters.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::ConsumerHandle;
use ballet_core::topology::dead_queue;
use jiff::Timestamp;

use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;

const EVERY: Duration = Duration::from_secs(5);

/// How far the service is behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    /// The messages in the service's queue, and those that this process has and has not settled.
    pub(crate) messages: u32,
    /// The age of the newest message that this process has handled, or zero if none waits. The queue
    /// is in order, so everything older is handled.
    pub(crate) seconds: f64,
}

/// Returns how far the service is behind, if the broker tells. A process that has handled nothing has
/// waited since it started.
pub(crate) fn backlog(
    engine: &Engine,
    consumer: &ConsumerHandle,
    started: Timestamp,
) -> Option<Backlog> {
    let ready = length(consumer, engine.registry.service)?;
    let unsettled = u32::try_from(consumer.unsettled()).unwrap_or(u32::MAX);
    let messages = ready.saturating_add(unsettled);
    let newest = engine.last_work.newest().unwrap_or(started);
    let behind = engine.clock.now().duration_since(newest).as_secs_f64().max(0.0);
    Some(Backlog { messages, seconds: if messages == 0 { 0.0 } else { behind } })
}

fn length(consumer: &ConsumerHandle, queue: &str) -> Option<u32> {
    consumer.lengths().borrow().get(queue).copied()
}

/// Measures until the service stops. Without an answer of the broker the last figures stay.
pub(crate) async fn watch(engine: Arc<Engine>, consumer: Arc<ConsumerHandle>) {
    let mut stopping = engine.stopping.clone();
    let started = engine.clock.now();
    let dead_queue = dead_queue(engine.registry.service);
    loop {
        if let Some(Backlog { messages, seconds }) = backlog(&engine, &consumer, started) {
            ballet_amqp::gauge!("ballet_queue_messages").set(messages);
            ballet_amqp::gauge!("ballet_queue_behind_seconds").set(seconds);
        }
        if let Some(dead) = length(&consumer, &dead_queue) {
            ballet_amqp::gauge!("ballet_dead_queue_messages").set(dead);
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stopped(&mut stopping) => return,
        }
    }
}
