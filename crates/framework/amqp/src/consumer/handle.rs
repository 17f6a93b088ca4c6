//! Starts and controls the consume role.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::consumer::arrival::Sink;
use crate::consumer::lengths::Lengths;
use crate::consumer::receipt::UnsettledTime;
use crate::consumer::settings::ConsumerSettings;
use crate::consumer::supervisor::ConsumeSupervisor;
use crate::consumer::wish::ConsumerWish;
use crate::session::seam::Broker;
use crate::session::state::ConnectionState;

/// How a consumer stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopResult {
    /// The number of deliveries handed on but not settled in time. The broker delivers them again.
    pub unsettled: usize,
}

/// The consume role.
#[derive(Debug)]
pub struct Consumer;

impl Consumer {
    /// Starts consuming. Reconnects after every loss of the connection until stopped.
    #[must_use = "dropping the handle stops the consumer"]
    pub fn start(
        broker: Arc<dyn Broker>,
        settings: ConsumerSettings,
        sink: Sink,
    ) -> ConsumerHandle {
        let (wish, wishes) = watch::channel(ConsumerWish::Run);
        let (state_tx, state) = watch::channel(ConnectionState::connecting(None));
        let (cautious_tx, cautious) = watch::channel(false);
        let (lengths_tx, lengths) = watch::channel(Lengths::new());
        let unsettled = UnsettledTime::default();
        let task = ConsumeSupervisor {
            broker,
            settings,
            sink,
            wish: wishes,
            state: state_tx,
            cautious: cautious_tx,
            lengths: lengths_tx,
            unsettled: unsettled.clone(),
        };
        let task = tokio::spawn(task.run());
        ConsumerHandle { wish, state, cautious, lengths, unsettled, task: Mutex::new(Some(task)) }
    }
}

/// Controls a consumer. Dropping the handle stops the consumer without waiting for unsettled
/// deliveries.
pub struct ConsumerHandle {
    wish: watch::Sender<ConsumerWish>,
    state: watch::Receiver<ConnectionState>,
    cautious: watch::Receiver<bool>,
    lengths: watch::Receiver<Lengths>,
    unsettled: UnsettledTime,
    task: Mutex<Option<JoinHandle<usize>>>,
}

impl ConsumerHandle {
    /// Returns the state of the connection, for readiness.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.state.clone()
    }

    /// Returns a receiver that is true while a message with three or more deliveries is unsettled.
    /// Such a message may kill the process, so messages arrive one by one, and a batch should hold
    /// only one.
    #[must_use]
    pub fn cautious(&self) -> watch::Receiver<bool> {
        self.cautious.clone()
    }

    /// Returns for how long the oldest unsettled delivery has been the oldest one, or `None` if all
    /// are settled. The time grows when a message is stuck.
    #[must_use]
    pub fn unsettled_for(&self) -> Option<Duration> {
        self.unsettled.longest()
    }

    /// Returns the lengths of the [watched](crate::ConsumerSettings::watched) queues, as they were seconds
    /// ago.
    #[must_use]
    pub fn lengths(&self) -> watch::Receiver<Lengths> {
        self.lengths.clone()
    }

    /// Returns the number of unsettled deliveries.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.unsettled.count()
    }

    /// Closes the connection for a long outage of the database, so other replicas get the messages.
    /// Outstanding receipts do nothing afterwards.
    pub fn pause(&self) {
        self.change(ConsumerWish::Pause);
    }

    /// Connects again after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.change(ConsumerWish::Run);
    }

    /// Stops taking messages, waits up to `drain` until those handed on are settled, acknowledges
    /// them, and closes the connection.
    pub async fn stop(&self, drain: Duration) -> StopResult {
        self.wish.send_replace(ConsumerWish::Stop { drain });
        let task = self.task.lock().await.take();
        let unsettled = match task {
            Some(task) => task.await.unwrap_or(0),
            None => 0,
        };
        StopResult { unsettled }
    }

    fn change(&self, to: ConsumerWish) {
        self.wish.send_if_modified(|wish| {
            let changes = *wish != to && !matches!(wish, ConsumerWish::Stop { .. });
            if changes {
                *wish = to;
            }
            changes
        });
    }
}

impl fmt::Debug for ConsumerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerHandle")
            .field("state", &*self.state.borrow())
            .field("cautious", &*self.cautious.borrow())
            .finish_non_exhaustive()
    }
}
