//! Starts the publish role, and hands messages to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::publisher::batch::{OnPublished, OutBatch};
use crate::publisher::batches::{Batches, NotSent};
use crate::publisher::memory::BatchMemory;
use crate::publisher::outgoing::Outgoing;
use crate::publisher::queue::{NO_QUEUE_TOOK_IT, PublishCommand, PublishQueue};
use crate::publisher::settings::PublisherSettings;
use crate::publisher::supervisor::PublishSupervisor;
use crate::session::seam::Broker;
use crate::session::state::ConnectionState;

/// The result of handing over a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// The batch will be published.
    Queued,
    /// There was no room, and the messages are dropped. The caller reads them back from the outbox
    /// table when [there is room](PublisherHandle::has_room).
    Spilled,
}

/// The reason why a single message may not be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// No confirm arrived in time. The broker may still have the message.
    #[error(
        "the broker did not confirm the message to `{exchange}` with key `{routing_key}` within \
         {after:?}; it may have received it: try again with the same message id"
    )]
    TimedOut {
        /// The target exchange.
        exchange: String,
        /// The routing key.
        routing_key: String,
        /// How long we waited.
        after: Duration,
    },
    /// The broker will never accept the message.
    #[error("the message to `{exchange}` with key `{routing_key}` cannot be published: {reason}")]
    Unpublishable {
        /// The target exchange.
        exchange: String,
        /// The routing key.
        routing_key: String,
        /// The reason.
        reason: String,
    },
    /// The broker did not take the message. It may take it later.
    #[error(
        "the broker did not take the message to `{exchange}` with key `{routing_key}`: {reason}"
    )]
    NotTaken {
        /// The target exchange.
        exchange: String,
        /// The routing key.
        routing_key: String,
        /// The reason.
        reason: String,
    },
    /// The publisher has been stopped.
    #[error("the publisher is stopped; the message may not have been published")]
    Stopped,
}

impl PublishError {
    /// Whether a queue refuses the message, because it is full.
    #[must_use]
    pub fn is_of_a_queue(&self) -> bool {
        matches!(self, Self::NotTaken { reason, .. } if reason == NO_QUEUE_TOOK_IT)
    }
}

/// The publish role.
#[derive(Debug)]
pub struct Publisher;

impl Publisher {
    /// Starts publishing. Reconnects after every loss of the connection until stopped.
    #[must_use = "without the handle there is nothing to publish"]
    pub fn start(
        broker: Arc<dyn Broker>,
        settings: PublisherSettings,
        on_published: OnPublished,
    ) -> PublisherHandle {
        let memory = Arc::new(BatchMemory::new(&settings));
        let (commands, commands_rx) = mpsc::unbounded_channel();
        let (stop, stop_rx) = watch::channel(None);
        let (state_tx, state) = watch::channel(ConnectionState::connecting(None));
        let (held_tx, held) = watch::channel(None);
        let batches = Batches::new(Arc::clone(&memory), on_published);
        let queue = PublishQueue::new(batches, settings.keys.clone());
        let task = PublishSupervisor::new(
            broker,
            settings,
            queue,
            commands_rx,
            stop_rx,
            state_tx,
            held_tx,
        );
        let task = tokio::spawn(task.run());
        PublisherHandle(Arc::new(PublisherState {
            commands,
            memory,
            stop,
            state,
            held,
            task: Mutex::new(Some(task)),
        }))
    }
}

/// Hands messages to the publisher. Cheap to clone.
#[derive(Clone)]
pub struct PublisherHandle(Arc<PublisherState>);

struct PublisherState {
    commands: mpsc::UnboundedSender<PublishCommand>,
    memory: Arc<BatchMemory>,
    stop: watch::Sender<Option<Duration>>,
    state: watch::Receiver<ConnectionState>,
    held: watch::Receiver<Option<String>>,
    task: Mutex<Option<JoinHandle<usize>>>,
}

impl PublisherHandle {
    /// Hands a committed batch over without waiting.
    pub fn send(&self, batch: OutBatch) -> Handover {
        let memory = &self.0.memory;
        if !memory.admit(&batch) {
            return Handover::Spilled;
        }
        let id = batch.batch;
        if self.0.commands.send(PublishCommand::Batch(batch)).is_err() {
            // Stopped. The batch is still in the outbox table, and another process sweeps it.
            memory.forget(&id);
            return Handover::Spilled;
        }
        Handover::Queued
    }

    /// Publishes one message and waits for its confirm, through reconnects, for at most `within`.
    /// Retries a message that the broker returns or that a full queue refuses.
    ///
    /// # Errors
    ///
    /// No confirm arrived in time, the broker will never accept the message, or the publisher is
    /// stopped.
    pub async fn publish_now(
        &self,
        message: impl Outgoing + 'static,
        within: Duration,
    ) -> Result<(), PublishError> {
        self.single(Arc::new(message), within, true).await
    }

    /// Like [`publish_now`](Self::publish_now), but does not retry a message that the broker returns,
    /// that a full queue refuses, whose exchange or right is missing, or that comes during an alarm.
    ///
    /// For dead letters, which must be in the broker before the original is acknowledged, and for
    /// which the caller has another place.
    ///
    /// # Errors
    ///
    /// As [`publish_now`](Self::publish_now), and [`PublishError::NotTaken`].
    pub async fn try_publish(
        &self,
        message: impl Outgoing + 'static,
        within: Duration,
    ) -> Result<(), PublishError> {
        self.single(Arc::new(message), within, false).await
    }

    async fn single(
        &self,
        message: Arc<dyn Outgoing>,
        within: Duration,
        patient: bool,
    ) -> Result<(), PublishError> {
        let (done, answer) = oneshot::channel();
        let single = PublishCommand::Single { message: Arc::clone(&message), patient, done };
        if self.0.commands.send(single).is_err() {
            return Err(PublishError::Stopped);
        }
        let not_sent = match tokio::time::timeout(within, answer).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(not_sent))) => Some(not_sent),
            Ok(Err(_)) => return Err(PublishError::Stopped),
            Err(_) => None,
        };
        let exchange = message.exchange().to_owned();
        let routing_key = message.routing_key().to_owned();
        Err(match not_sent {
            Some(NotSent::Never(reason)) => {
                PublishError::Unpublishable { exchange, routing_key, reason }
            }
            Some(NotSent::NotTaken(reason)) => {
                PublishError::NotTaken { exchange, routing_key, reason }
            }
            None => PublishError::TimedOut { exchange, routing_key, after: within },
        })
    }

    /// Returns how often messages that waited for a repair of the broker could go. Those that were
    /// [left behind](crate::LeftBehind) may then be read back.
    #[must_use]
    pub fn releases(&self) -> u64 {
        self.0.memory.releases()
    }

    /// Returns the number of batch messages that wait here or are on their way.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.memory.messages()
    }

    /// Returns true if at most half of the bound is in use. Spilled batches can then be read back.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.0.memory.has_room()
    }

    /// Waits until [there is room](Self::has_room).
    pub async fn room(&self) {
        self.0.memory.room().await;
    }

    /// Returns the state of the connection, for readiness.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.0.state.clone()
    }

    /// Returns a receiver with the broker's reason while messages wait for a repair of the broker,
    /// because an exchange, or the right to it or to a key, is missing.
    #[must_use]
    pub fn held(&self) -> watch::Receiver<Option<String>> {
        self.0.held.clone()
    }

    /// Ends at once, as a crash would. The outbox table has the unconfirmed messages.
    pub fn abandon(&self) {
        self.0.stop.send_replace(Some(Duration::ZERO));
    }

    /// Waits up to `drain` for outstanding confirms, then closes the connection. Returns the number
    /// of unconfirmed messages, which the outbox table has.
    pub async fn stop(&self, drain: Duration) -> usize {
        self.0.stop.send_replace(Some(drain));
        let task = self.0.task.lock().await.take();
        match task {
            Some(task) => task.await.unwrap_or(0),
            None => 0,
        }
    }
}

impl fmt::Debug for PublisherHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublisherHandle")
            .field("state", &*self.0.state.borrow())
            .field("memory", &self.0.memory)
            .finish_non_exhaustive()
    }
}
