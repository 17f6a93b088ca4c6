//! Keeps the publish role connected.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::backoff::{Backoff, GOOD_AFTER};
use crate::publisher::publish_loop::{PublishEnd, PublishLoop};
use crate::publisher::queue::{PublishCommand, PublishQueue};
use crate::publisher::settings::PublisherSettings;
use crate::publisher::stop::{StopRequest, Stopping};
use crate::session::error::BrokerError;
use crate::session::outage::Outage;
use crate::session::seam::{Broker, Session};
use crate::session::state::ConnectionState;

/// The limit for the oldest confirm grows up to this many times the first one.
const MOST_PATIENCE: u32 = 16;

pub(super) struct PublishSupervisor {
    broker: Arc<dyn Broker>,
    settings: PublisherSettings,
    queue: PublishQueue,
    commands: mpsc::UnboundedReceiver<PublishCommand>,
    stop: StopRequest,
    state: watch::Sender<ConnectionState>,
    held: watch::Sender<Option<String>>,
}

impl PublishSupervisor {
    pub(super) fn new(
        broker: Arc<dyn Broker>,
        settings: PublisherSettings,
        queue: PublishQueue,
        commands: mpsc::UnboundedReceiver<PublishCommand>,
        stop: watch::Receiver<Option<Duration>>,
        state: watch::Sender<ConnectionState>,
        held: watch::Sender<Option<String>>,
    ) -> Self {
        Self { broker, settings, queue, commands, stop: StopRequest::new(stop), state, held }
    }

    /// Returns the number of unconfirmed messages.
    pub(super) async fn run(mut self) -> usize {
        let name = format!("{} publish {}", self.settings.service, self.settings.instance);
        let reconnects = metrics::counter!("ballet_reconnects_total", "role" => self.settings.role);
        let (mut backoff, mut outage) = (Backoff::default(), Outage::default());
        let mut is_news = true;
        let first_limit = self.settings.confirm_limit;
        let mut confirm_limit = first_limit;
        loop {
            let attempt = self.attempt(&name).await;
            let Some(attempt) = attempt else { break };
            let (lost, at_once) = match attempt {
                Ok(session) => {
                    outage.ends();
                    let since = Instant::now();
                    let publishing = PublishLoop::new(
                        &mut self.queue,
                        &self.settings,
                        &self.state,
                        &self.held,
                        confirm_limit,
                        is_news,
                    );
                    let end = publishing.run(&*session, &mut self.commands, &mut self.stop).await;
                    session.close().await;
                    if since.elapsed() > GOOD_AFTER {
                        backoff.reset();
                    }
                    match end {
                        PublishEnd::Stopped => break,
                        PublishEnd::Lost { cause, at_once, is_overdue } => {
                            // A queue without a majority confirms nothing on any connection.
                            let at_once_again = is_overdue && since.elapsed() < confirm_limit * 2;
                            confirm_limit = match at_once_again {
                                true => (confirm_limit * 2).min(first_limit * MOST_PATIENCE),
                                false => first_limit,
                            };
                            (cause, at_once)
                        }
                    }
                }
                Err(error) => (error, false),
            };
            let unpublished = self.queue.batches.in_memory();
            // An error that a message explains is logged with the message.
            is_news = !at_once;
            if is_news && outage.is_news(&lost) {
                tracing::warn!(
                    connection = name,
                    cause = %lost,
                    unpublished,
                    "publisher has no connection; retrying"
                );
            } else {
                tracing::debug!(connection = name, cause = %lost, "publisher has no connection yet");
            }
            reconnects.increment(1);
            self.disconnected(lost);
            if !at_once && !self.wait(backoff.wait()).await {
                break;
            }
        }
        self.state.send_replace(ConnectionState::Stopped);
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            self.queue.take_in(command);
        }
        self.queue.len()
    }

    /// Returns `None` when it is time to give up.
    async fn attempt(&mut self, name: &str) -> Option<Result<Arc<dyn Session>, BrokerError>> {
        let broker = Arc::clone(&self.broker);
        let expected = self.settings.expected.clone();
        let connect = async {
            let session = broker.connect(name).await?;
            expected.check(&*session).await?;
            Ok(session)
        };
        tokio::pin!(connect);
        loop {
            self.nothing_left()?;
            tokio::select! {
                result = &mut connect => return Some(result),
                wish = self.stop.next() => if wish == Stopping::Over { return None },
                // In the channel, what nobody waits for any more would stay while the broker is
                // unavailable.
                Some(command) = self.commands.recv() => self.queue.take_in(command),
            }
        }
    }

    /// Returns `None` when stopping and nothing is left to publish.
    fn nothing_left(&self) -> Option<()> {
        let stopping = self.stop.is_asked() || self.commands.is_closed();
        let idle = self.queue.len() == 0 && self.commands.is_empty();
        (!(stopping && idle)).then_some(())
    }

    /// Waits, and returns whether to go on.
    async fn wait(&mut self, how_long: Duration) -> bool {
        let over = Instant::now() + how_long;
        loop {
            if self.nothing_left().is_none() {
                return false;
            }
            tokio::select! {
                () = sleep_until(over) => return true,
                wish = self.stop.next() => if wish == Stopping::Over { return false },
                Some(command) = self.commands.recv() => self.queue.take_in(command),
            }
        }
    }

    fn disconnected(&self, error: BrokerError) {
        self.state.send_modify(|state| state.lose(error));
    }
}
