//! Consumes over one connection. Acknowledges up to the watermark, or one by one behind a gap that
//! stays.
//!
//! A crash adds one delivery to the count of every unsettled message, so a message that kills the
//! process would send its neighbours to the dead-letter queue too. So a connection starts with a
//! prefetch of 1, and opens up once the first message is not suspect. Suspect messages are handled
//! one by one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::fault::{self, AckedDeliveries, FaultPoint};
use futures_util::{FutureExt, StreamExt};
use metrics::Counter;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::backoff::until;
use crate::consumer::arrival::{Arrival, Sink};
use crate::consumer::prefetch::Ahead;
use crate::consumer::receipt::{Acks, Receipt, Settling, UnsettledTime};
use crate::consumer::settings::ConsumerSettings;
use crate::consumer::wish::{ConsumerWish, changed};
use crate::pack;
use crate::session::error::BrokerError;
use crate::session::message::{Delivery, text_of};
use crate::session::seam::{Deliveries, Session, lost};
use crate::session::state::ConnectionState;

/// Counts start at 0, so this is the third delivery.
const SUSPECT_FROM: u32 = 2;
/// Delay before an ack is sent. The broker writes acks to its log like messages, so an ack right
/// after a commit slows down that commit's events.
const ACK_DELAY: Duration = Duration::from_millis(10);
/// Acks of this fraction of the prefetch are sent at once, so that the broker does not run out of
/// messages to send ahead.
const ACK_SHARE: u64 = 4;
/// Time limit for the last acks on a connection that may be lost.
const LAST_ACKS: Duration = Duration::from_secs(2);

pub(super) enum ConsumeEnd {
    /// Stopped on request; `unsettled` deliveries were not settled in time.
    Stopped { unsettled: usize },
    /// Paused, or stopped before anything was delivered.
    Interrupted,
    /// The connection or the consumer is gone.
    Lost(BrokerError),
}

/// The number of messages that the broker may send ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PrefetchWindow {
    /// One, because no message has shown yet that more are safe.
    Probing,
    /// The number that the settings allow, or fewer if the messages are big.
    Open,
    /// One, which is handed on only when everything before it is settled.
    Cautious,
}

pub(super) struct ConsumeChannel<'a> {
    session: &'a dyn Session,
    settings: &'a ConsumerSettings,
    sink: &'a Sink,
    state: &'a watch::Sender<ConnectionState>,
    cautious: &'a watch::Sender<bool>,
    settling: Arc<Settling>,
    window: PrefetchWindow,
    ahead: Ahead,
    consumers: u32,
    /// Received but not handed on. Used only when cautious.
    held: VecDeque<Delivery>,
    handed_on: Counter,
    acks: Counter,
    settled: Counter,
}

impl<'a> ConsumeChannel<'a> {
    pub(super) fn new(
        session: &'a dyn Session,
        settings: &'a ConsumerSettings,
        sink: &'a Sink,
        state: &'a watch::Sender<ConnectionState>,
        cautious: &'a watch::Sender<bool>,
        unsettled: &UnsettledTime,
    ) -> Self {
        let settling = Arc::default();
        unsettled.follow(&settling);
        Self {
            session,
            settings,
            sink,
            state,
            cautious,
            settling,
            window: PrefetchWindow::Probing,
            ahead: Ahead::new(settings.prefetch),
            consumers: 0,
            held: VecDeque::new(),
            handed_on: metrics::counter!("ballet_deliveries_total"),
            acks: metrics::counter!("ballet_acks_total"),
            settled: metrics::counter!("ballet_settled_total"),
        }
    }

    pub(super) async fn run(
        mut self,
        wish: &mut watch::Receiver<ConsumerWish>,
    ) -> Result<ConsumeEnd, BrokerError> {
        let mut deliveries = self.consume(1).await?;
        tracing::info!(
            peer = %self.session.peer(),
            queue = self.settings.queue,
            "consumer is connected"
        );
        self.state.send_replace(ConnectionState::Ready);
        let end = self.until_asked(&mut deliveries, wish).await;
        let asked = *wish.borrow();
        let end = match (end, asked) {
            (Ok(()), ConsumerWish::Stop { drain }) => self.drain(&mut deliveries, drain).await,
            (Ok(()), _) => Ok(ConsumeEnd::Interrupted),
            (Err(cause), _) => Ok(ConsumeEnd::Lost(cause)),
        };
        if !matches!(end, Ok(ConsumeEnd::Lost(_))) {
            // Ack messages settled by now, so they are not delivered again.
            timeout(LAST_ACKS, self.send(self.settling.take_last_acks())).await.ok();
        }
        self.settling.disable();
        self.cautious.send_replace(false);
        end
    }

    async fn until_asked(
        &mut self,
        deliveries: &mut Deliveries,
        wish: &mut watch::Receiver<ConsumerWish>,
    ) -> Result<(), BrokerError> {
        let mut closed = self.session.closed();
        let settling = Arc::clone(&self.settling);
        let mut due: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                () = changed(wish) => return Ok(()),
                () = until(due) => {}
                () = until(settling.gap_due()), if due.is_none() => {}
                () = settling.changed() => {
                    if self.acks_may_wait() {
                        due.get_or_insert_with(|| Instant::now() + ACK_DELAY);
                        continue;
                    }
                }
                next = deliveries.next() => {
                    self.take_in(next, deliveries).await?;
                    // Each turn of the loop begins to wait for all of the above again. The prefetch
                    // bounds how many come without one.
                    while let Some(next) = deliveries.next().now_or_never() {
                        self.take_in(next, deliveries).await?;
                    }
                    continue;
                }
                cause = lost(&mut closed) => return Err(cause),
            }
            due = None;
            self.send_acks().await?;
            self.release(deliveries).await?;
        }
    }

    fn acks_may_wait(&self) -> bool {
        let enough = u64::from(self.ahead.count()) / ACK_SHARE;
        self.window == PrefetchWindow::Open && self.settling.has_only_acks_below(enough)
    }

    async fn take_in(
        &mut self,
        next: Option<Result<Delivery, BrokerError>>,
        deliveries: &mut Deliveries,
    ) -> Result<(), BrokerError> {
        let delivery = next.ok_or_else(|| cancelled(&self.settings.queue))??;
        self.receive(delivery, deliveries).await?;
        if self.window == PrefetchWindow::Open && self.ahead.adjusts() {
            self.open_up(deliveries).await?;
        }
        Ok(())
    }

    async fn receive(
        &mut self,
        delivery: Delivery,
        deliveries: &mut Deliveries,
    ) -> Result<(), BrokerError> {
        self.settling.delivered(delivery.tag);
        let members = pack::members(&delivery.properties);
        self.ahead.delivered(delivery.body.len(), members);
        match self.window {
            PrefetchWindow::Open | PrefetchWindow::Probing if is_suspect(&delivery) => {
                tracing::warn!(
                    queue = self.settings.queue,
                    routing_key = delivery.routing_key,
                    id = text_of(delivery.properties.message_id()),
                    saga = text_of(delivery.properties.correlation_id()),
                    "suspect message, delivered three times or more; handling messages one by one"
                );
                self.cautious.send_replace(true);
                self.held.push_back(delivery);
                if self.window == PrefetchWindow::Open {
                    // Stop sending ahead. Hold the messages that are already on their way.
                    self.session.cancel(&self.tag()).await?;
                    while let Some(delivery) = deliveries.next().await {
                        let delivery = delivery?;
                        self.settling.delivered(delivery.tag);
                        self.held.push_back(delivery);
                    }
                    *deliveries = self.consume(1).await?;
                }
                self.window = PrefetchWindow::Cautious;
                self.release(deliveries).await
            }
            PrefetchWindow::Open => {
                self.hand_on(delivery);
                Ok(())
            }
            PrefetchWindow::Probing => {
                self.hand_on(delivery);
                self.open_up(deliveries).await
            }
            PrefetchWindow::Cautious => {
                self.held.push_back(delivery);
                self.release(deliveries).await
            }
        }
    }

    /// Hands on the next message once nothing else is unsettled, and ends the caution when no held
    /// message is suspect.
    async fn release(&mut self, deliveries: &mut Deliveries) -> Result<(), BrokerError> {
        if self.window != PrefetchWindow::Cautious || self.settling.outstanding() > self.held.len()
        {
            return Ok(());
        }
        let Some(next) = self.held.pop_front() else { return Ok(()) };
        let is_safe = !is_suspect(&next) && !self.held.iter().any(is_suspect);
        self.hand_on(next);
        if is_safe {
            tracing::info!(
                queue = self.settings.queue,
                "suspect messages are settled; consuming at full pace"
            );
            self.cautious.send_replace(false);
            while let Some(held) = self.held.pop_front() {
                self.hand_on(held);
            }
            self.open_up(deliveries).await?;
        }
        Ok(())
    }

    /// A prefetch applies only to new consumers, so this starts a new one.
    async fn open_up(&mut self, deliveries: &mut Deliveries) -> Result<(), BrokerError> {
        self.window = PrefetchWindow::Open;
        if self.settings.prefetch <= 1 {
            return Ok(());
        }
        self.session.cancel(&self.tag()).await?;
        let mut rest = Vec::new();
        while let Some(delivery) = deliveries.next().await {
            rest.push(delivery?);
        }
        *deliveries = self.consume(self.ahead.count()).await?;
        for delivery in rest {
            Box::pin(self.receive(delivery, deliveries)).await?;
        }
        Ok(())
    }

    async fn consume(&mut self, prefetch: u16) -> Result<Deliveries, BrokerError> {
        self.consumers += 1;
        self.session.consume(&self.settings.queue, &self.tag(), prefetch).await
    }

    fn tag(&self) -> String {
        format!("{} {} #{}", self.settings.service, self.settings.instance, self.consumers)
    }

    fn hand_on(&self, delivery: Delivery) {
        fault::delivered(delivery.tag, || {
            let kind = delivery.properties.kind().as_ref();
            kind.map_or_else(|| delivery.routing_key.clone(), ToString::to_string)
        });
        self.handed_on.increment(1);
        let receipt = Receipt::new(delivery.tag, Arc::clone(&self.settling));
        (self.sink)(Arrival { delivery, receipt });
    }

    async fn send_acks(&self) -> Result<(), BrokerError> {
        self.send(self.settling.take_acks()).await
    }

    async fn send(&self, acks: Acks) -> Result<(), BrokerError> {
        for tag in acks.give_back {
            self.session.give_back(tag).await?;
        }
        for tag in &acks.single {
            let acked = AckedDeliveries { to: *tag, count: 1 };
            fault::point(FaultPoint::BeforeAck, &acked);
            self.session.ack(*tag, false).await?;
            fault::point(FaultPoint::AfterAck, &acked);
        }
        self.acks.increment(acks.single.len() as u64);
        self.settled.increment(acks.single.len() as u64);
        if let Some((to, count)) = acks.ack {
            let acked = AckedDeliveries { to, count };
            fault::point(FaultPoint::BeforeAck, &acked);
            self.session.ack(to, true).await?;
            fault::point(FaultPoint::AfterAck, &acked);
            self.acks.increment(1);
            self.settled.increment(count);
        }
        Ok(())
    }

    async fn drain(
        &mut self,
        deliveries: &mut Deliveries,
        limit: Duration,
    ) -> Result<ConsumeEnd, BrokerError> {
        let deadline = Instant::now() + limit;
        self.session.cancel(&self.tag()).await?;
        // Messages that were not handed on need no waiting.
        let mut not_ours = self.held.len();
        let mut closed = self.session.closed();
        let settling = Arc::clone(&self.settling);
        let mut over = false;
        loop {
            self.send_acks().await?;
            let unsettled = self.settling.outstanding().saturating_sub(not_ours);
            if unsettled == 0 {
                return Ok(ConsumeEnd::Stopped { unsettled });
            }
            tokio::select! {
                () = settling.changed() => {}
                next = deliveries.next(), if !over => match next {
                    Some(Ok(delivery)) => {
                        self.settling.delivered(delivery.tag);
                        not_ours += 1;
                    }
                    Some(Err(_)) | None => over = true,
                },
                _ = lost(&mut closed) => return Ok(ConsumeEnd::Stopped { unsettled }),
                () = sleep_until(deadline) => return Ok(ConsumeEnd::Stopped { unsettled }),
            }
        }
    }
}

fn is_suspect(delivery: &Delivery) -> bool {
    delivery.earlier_deliveries() >= SUSPECT_FROM
}

/// The broker ends a consumer without an error when its queue is deleted or moves.
fn cancelled(queue: &str) -> BrokerError {
    BrokerError::Lost(format!("the broker cancelled the consumer of queue `{queue}`"))
}
