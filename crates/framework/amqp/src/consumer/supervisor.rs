//! Keeps the consume role connected.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::backoff::{Backoff, GOOD_AFTER};
use crate::consumer::arrival::Sink;
use crate::consumer::channel::{ConsumeChannel, ConsumeEnd};
use crate::consumer::lengths::{Lengths, look};
use crate::consumer::receipt::UnsettledTime;
use crate::consumer::settings::ConsumerSettings;
use crate::consumer::wish::{ConsumerWish, changed};
use crate::session::error::BrokerError;
use crate::session::expected_objects::ExpectedObjects;
use crate::session::outage::Outage;
use crate::session::seam::{Broker, Session};
use crate::session::state::ConnectionState;

pub(super) struct ConsumeSupervisor {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) settings: ConsumerSettings,
    pub(super) sink: Sink,
    pub(super) wish: watch::Receiver<ConsumerWish>,
    pub(super) state: watch::Sender<ConnectionState>,
    pub(super) cautious: watch::Sender<bool>,
    pub(super) lengths: watch::Sender<Lengths>,
    pub(super) unsettled: UnsettledTime,
}

impl ConsumeSupervisor {
    /// Returns the number of unsettled deliveries.
    pub(super) async fn run(mut self) -> usize {
        let name = format!("{} consume {}", self.settings.service, self.settings.instance);
        let reconnects = metrics::counter!("ballet_reconnects_total", "role" => "consume");
        let (mut backoff, mut outage) = (Backoff::default(), Outage::default());
        let unsettled = loop {
            match self.wish() {
                ConsumerWish::Run => {}
                ConsumerWish::Pause => {
                    self.pause().await;
                    backoff.reset();
                    continue;
                }
                ConsumerWish::Stop { .. } => break 0,
            }
            let lost = match self.connected(&name, &mut backoff).await {
                Ok(ConsumeEnd::Stopped { unsettled }) => break unsettled,
                // Paused, or stopped before anything was delivered.
                Ok(ConsumeEnd::Interrupted) => continue,
                Ok(ConsumeEnd::Lost(error)) => {
                    outage.ends();
                    error
                }
                Err(error) => error,
            };
            if outage.is_news(&lost) {
                tracing::warn!(connection = name, cause = %lost, "consumer has no connection; retrying");
            } else {
                tracing::debug!(connection = name, cause = %lost, "consumer has no connection yet");
            }
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

    async fn connected(
        &mut self,
        name: &str,
        backoff: &mut Backoff,
    ) -> Result<ConsumeEnd, BrokerError> {
        let session = tokio::select! {
            session = connect(&*self.broker, &self.settings, name) => session?,
            () = changed(&mut self.wish) => return Ok(ConsumeEnd::Interrupted),
        };
        let since = Instant::now();
        let channel = ConsumeChannel::new(
            &*session,
            &self.settings,
            &self.sink,
            &self.state,
            &self.cautious,
            &self.unsettled,
        );
        let end = tokio::select! {
            end = channel.run(&mut self.wish) => end,
            never = look(&*session, &self.settings.watched, &self.lengths) => match never {},
        };
        self.lengths.send_replace(Lengths::new());
        session.close().await;
        if since.elapsed() > GOOD_AFTER {
            backoff.reset();
        }
        end
    }

    fn wish(&mut self) -> ConsumerWish {
        if self.wish.has_changed().is_err() {
            return ConsumerWish::Stop { drain: Duration::ZERO };
        }
        *self.wish.borrow_and_update()
    }

    async fn pause(&mut self) {
        // The one that asked for it says why.
        tracing::debug!("consumer is paused");
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
    ExpectedObjects::new().queue(settings.queue.clone()).check(&*session).await?;
    match settings.expected.check(&*session).await {
        Err(missing @ BrokerError::Topology(_)) => tracing::error!(connection = name, "{missing}"),
        checked => checked?,
    }
    Ok(session)
}
