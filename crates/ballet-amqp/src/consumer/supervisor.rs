//! Keeps the consume role connected.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::backoff::{Backoff, GOOD_AFTER};
use crate::consumer::arrival::Sink;
use crate::consumer::channel::{Channel, End};
use crate::consumer::receipt::Unsettled;
use crate::consumer::settings::ConsumerSettings;
use crate::consumer::wish::{Wish, changed};
use crate::session::error::BrokerError;
use crate::session::seam::{Broker, Session};
use crate::session::state::ConnectionState;

/// Connects and consumes, and reconnects after each loss, until stopped.
pub(super) struct Supervisor {
    broker: Arc<dyn Broker>,
    settings: ConsumerSettings,
    sink: Sink,
    wish: watch::Receiver<Wish>,
    state: watch::Sender<ConnectionState>,
    cautious: watch::Sender<bool>,
    unsettled: Unsettled,
}

impl Supervisor {
    pub(super) fn new(
        broker: Arc<dyn Broker>,
        settings: ConsumerSettings,
        sink: Sink,
        wish: watch::Receiver<Wish>,
        state: watch::Sender<ConnectionState>,
        cautious: watch::Sender<bool>,
        unsettled: Unsettled,
    ) -> Self {
        Self { broker, settings, sink, wish, state, cautious, unsettled }
    }

    /// Runs until stopped. Returns the number of unsettled deliveries.
    pub(super) async fn run(mut self) -> usize {
        let name = format!("{} consume {}", self.settings.service, self.settings.instance);
        let reconnects = crate::counter!("ballet_reconnects_total", "role" => "consume");
        let mut backoff = Backoff::default();
        let unsettled = loop {
            match self.wish() {
                Wish::Run => {}
                Wish::Pause => {
                    self.pause().await;
                    backoff.reset();
                    continue;
                }
                Wish::Stop { .. } => break 0,
            }
            let since = Instant::now();
            let lost = match self.connected(&name).await {
                Ok(End::Stopped { unsettled }) => break unsettled,
                // Paused, or stopped before anything was delivered.
                Ok(End::Interrupted) => continue,
                Ok(End::Lost(error)) | Err(error) => error,
            };
            if since.elapsed() > GOOD_AFTER {
                backoff.reset();
            }
            tracing::warn!(
                connection = name,
                cause = %lost,
                "consumer has no connection; retrying"
            );
            reconnects.increment(1);
            self.state.send_modify(|state| state.lose(lost));
            tokio::select! {
                () = sleep(backoff.wait()) => {}
                () = changed(&mut self.wish) => {}
            }
        };
        self.cautious.send_replace(false);
        self.state.send_replace(ConnectionState::Stopped);
        unsettled
    }

    async fn connected(&mut self, name: &str) -> Result<End, BrokerError> {
        let session = tokio::select! {
            session = connect(&*self.broker, &self.settings, name) => session?,
            () = changed(&mut self.wish) => return Ok(End::Interrupted),
        };
        let channel = Channel::new(
            &*session,
            &self.settings,
            &self.sink,
            &self.state,
            &self.cautious,
            &self.unsettled,
        );
        let end = channel.run(&mut self.wish).await;
        session.close().await;
        end
    }

    fn wish(&mut self) -> Wish {
        if self.wish.has_changed().is_err() {
            return Wish::Stop { drain: Duration::ZERO };
        }
        *self.wish.borrow_and_update()
    }

    async fn pause(&mut self) {
        tracing::info!(service = self.settings.service, "consumer is paused");
        self.state.send_replace(ConnectionState::Paused);
        changed(&mut self.wish).await;
        self.state.send_replace(ConnectionState::connecting(None));
    }
}

async fn connect(
    broker: &dyn Broker,
    settings: &ConsumerSettings,
    name: &str,
) -> Result<Arc<dyn Session>, BrokerError> {
    let session = broker.connect(name).await?;
    let expected = settings.expected.clone().queue(settings.queue.clone());
    expected.check(&*session).await?;
    Ok(session)
}
