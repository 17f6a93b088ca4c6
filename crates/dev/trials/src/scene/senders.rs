//! Publishes for foreign producers until the broker has confirmed, whatever happens to the broker.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use ballet_amqp::RabbitMq;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::scene::producer::{Producer, ProducerMessage};

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// A message, and the task that waits for its confirm.
#[derive(Debug)]
struct PendingMessage {
    outgoing: ProducerMessage,
    confirmed: oneshot::Sender<()>,
}

/// One task for each producer. The tasks end when this value is dropped.
#[derive(Debug, Default)]
pub(crate) struct Senders(Mutex<HashMap<&'static str, SenderTask>>);

#[derive(Debug)]
struct SenderTask {
    inbox: mpsc::UnboundedSender<PendingMessage>,
    task: JoinHandle<()>,
}

impl Drop for SenderTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Senders {
    /// Publishes a message, and returns when the broker has confirmed it. `broker` is called once for each producer.
    pub(crate) async fn publish(
        &self,
        producer: &'static str,
        broker: impl FnOnce() -> Result<RabbitMq>,
        outgoing: ProducerMessage,
    ) -> Result<()> {
        let (confirmed, confirm) = oneshot::channel();
        {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !all.contains_key(producer) {
                let (inbox, waiting) = mpsc::unbounded_channel();
                let task = tokio::spawn(send(broker()?, producer, waiting));
                all.insert(producer, SenderTask { inbox, task });
            }
            if let Some(sender) = all.get(producer) {
                sender.inbox.send(PendingMessage { outgoing, confirmed }).ok();
            }
        }
        confirm.await.context("the producer has ended")
    }
}

/// Publishes incoming messages. Those without a confirm when the connection is lost are published again.
async fn send(
    broker: RabbitMq,
    name: &'static str,
    mut inbox: mpsc::UnboundedReceiver<PendingMessage>,
) {
    let mut waiting: Vec<PendingMessage> = Vec::new();
    let mut connected: Option<Producer> = None;
    loop {
        if waiting.is_empty() {
            let Some(first) = inbox.recv().await else { break };
            waiting.push(first);
        }
        while let Ok(more) = inbox.try_recv() {
            waiting.push(more);
        }
        let mut producer = match connected.take() {
            Some(producer) => producer,
            None => match Producer::at(&broker, name).await {
                Ok(producer) => producer,
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        let sent = waiting.iter().try_for_each(|one| producer.publish(&one.outgoing.message));
        if sent.is_ok() && producer.confirmed().await.is_ok() {
            // A customer may no longer wait.
            for one in waiting.drain(..) {
                one.confirmed.send(()).ok();
            }
            connected = Some(producer);
        } else {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
