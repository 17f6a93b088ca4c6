//! Publishes over one connection.

use std::pin::pin;
use std::time::Duration;

use ballet_core::fault::{self, FaultPoint};
use futures_util::StreamExt;
use metrics::{Counter, Gauge};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use crate::backoff::{Backoff, until};
use crate::publisher::batches::InFlight;
use crate::publisher::outgoing::Outgoing;
use crate::publisher::queue::{NO_QUEUE_TOOK_IT, PublishCommand, PublishQueue};
use crate::publisher::settings::PublisherSettings;
use crate::publisher::stop::{StopRequest, Stopping};
use crate::session::error::BrokerError;
use crate::session::message::{MessageConfirm, Publish, PublishOutcome, text_of};
use crate::session::seam::{Confirms, Session, lost};
use crate::session::state::ConnectionState;

/// The maximum number of commands taken in at a time, so confirms do not wait long.
const TAKE_IN: usize = 64;
/// Time limit for confirms that arrived before the connection was lost.
const LAST_CONFIRMS: Duration = Duration::from_millis(200);
const ALARM_EVERY: Duration = Duration::from_secs(1);
/// Why nothing is published during an alarm.
const NOT_NOW: &str = "the broker accepts no messages for now (memory or disk alarm)";

pub(super) enum PublishEnd {
    /// Drained, or out of time.
    Stopped,
    /// The connection is gone.
    Lost {
        cause: BrokerError,
        /// The cause is known and handled, so reconnect without waiting.
        at_once: bool,
        /// The oldest confirm did not come in time.
        is_overdue: bool,
    },
}

pub(super) struct PublishLoop<'a> {
    confirm_limit: Duration,
    /// The newest of the messages that are not confirmed in time, if any are.
    overdue: Option<u64>,
    /// Whether the log reports the connection, which it does not after a loss that a message
    /// explains.
    is_news: bool,
    queue: &'a mut PublishQueue,
    settings: &'a PublisherSettings,
    state: &'a watch::Sender<ConnectionState>,
    held: &'a watch::Sender<Option<String>>,
    alarm: Alarm,
    published: Counter,
    confirmed: Counter,
    returned: Counter,
    nacked: Counter,
    in_flight: Gauge,
    waiting: Gauge,
}

impl<'a> PublishLoop<'a> {
    pub(super) fn new(
        queue: &'a mut PublishQueue,
        settings: &'a PublisherSettings,
        state: &'a watch::Sender<ConnectionState>,
        held: &'a watch::Sender<Option<String>>,
        confirm_limit: Duration,
        is_news: bool,
    ) -> Self {
        Self {
            confirm_limit,
            overdue: None,
            is_news,
            queue,
            settings,
            state,
            held,
            alarm: Alarm::default(),
            published: metrics::counter!("ballet_published_total"),
            confirmed: metrics::counter!("ballet_confirmed_total"),
            returned: metrics::counter!("ballet_returned_total"),
            nacked: metrics::counter!("ballet_nacked_total"),
            in_flight: metrics::gauge!("ballet_publish_in_flight", "role" => settings.role),
            waiting: metrics::gauge!("ballet_publish_held", "role" => settings.role),
        }
    }

    pub(super) async fn run(
        mut self,
        session: &dyn Session,
        commands: &mut mpsc::UnboundedReceiver<PublishCommand>,
        stop: &mut StopRequest,
    ) -> PublishEnd {
        let mut confirms = match session.confirms().await {
            Ok(confirms) => confirms,
            Err(cause) => return PublishEnd::Lost { cause, at_once: false, is_overdue: false },
        };
        let unpublished = self.queue.batches.in_memory();
        if self.is_news {
            tracing::info!(peer = %session.peer(), unpublished, "publisher is connected");
        }
        let cause = self.until_lost(session, &mut confirms, commands, stop).await;
        self.in_flight.set(0.0);
        let Some(cause) = cause else { return PublishEnd::Stopped };
        let cause = self.last_confirms(&mut confirms, cause).await;
        let salvaged = self.queue.salvage(&cause, self.overdue);
        self.show_held();
        metrics::counter!("ballet_republished_total").increment(salvaged.again as u64);
        // If only what is tried now and then is overdue, no other message waits for longer.
        let is_overdue = self.overdue.is_some() && salvaged.is_news;
        PublishEnd::Lost { cause, at_once: salvaged.explained, is_overdue }
    }

    /// Returns the cause of the loss, or `None` when stopped.
    async fn until_lost(
        &mut self,
        session: &dyn Session,
        confirms: &mut Confirms,
        commands: &mut mpsc::UnboundedReceiver<PublishCommand>,
        stop: &mut StopRequest,
    ) -> Option<BrokerError> {
        let (mut blocked, mut closed) = (session.blocked(), session.closed());
        let mut gone = pin!(lost(&mut closed));
        let mut taken = Vec::with_capacity(TAKE_IN);
        let mut oldest = OldestUnconfirmed::new(self.confirm_limit);
        self.show(*blocked.borrow_and_update());
        loop {
            if *blocked.borrow() {
                self.queue.not_now(NOT_NOW);
            } else if let Err(cause) = self.pump(session) {
                return Some(cause);
            }
            self.show_held();
            let nothing_to_do = self.queue.len() == 0;
            if nothing_to_do && commands.is_empty() && (stop.is_asked() || commands.is_closed()) {
                return None;
            }
            let due = self.queue.next_due();
            tokio::select! {
                answers = confirms.next() => match answers {
                    Some(Ok(answers)) => answers.iter().for_each(|answer| self.take(answer)),
                    Some(Err(cause)) => return Some(cause),
                    None => return Some(BrokerError::Lost("the confirms ended".to_owned())),
                },
                count = commands.recv_many(&mut taken, TAKE_IN), if !commands.is_closed() || !commands.is_empty() => {
                    let _: usize = count;
                    taken.drain(..).for_each(|command| self.queue.take_in(command));
                }
                Ok(()) = blocked.changed() => self.show(*blocked.borrow_and_update()),
                cause = &mut gone => return Some(cause),
                () = until(due) => self.queue.fetch_due(),
                _ = oldest.look.tick() => {
                    let in_flight = self.queue.flight.ends().filter(|_| !*blocked.borrow());
                    self.overdue = oldest.overdue(in_flight);
                    if self.overdue.is_some() {
                        return Some(self.no_confirm());
                    }
                }
                wish = stop.next() => if wish == Stopping::Over { return None },
            }
        }
    }

    /// After a change of leaders a broker may never give a confirm, as RabbitMQ 3.10 for streams
    /// after a partition. A new connection, perhaps to another node, helps.
    fn no_confirm(&self) -> BrokerError {
        let unconfirmed = self.queue.flight.len();
        BrokerError::Lost(format!(
            "the broker has not confirmed the oldest of {unconfirmed} messages for {:?}; publishing \
             them again over another connection",
            self.confirm_limit
        ))
    }

    fn pump(&mut self, session: &dyn Session) -> Result<(), BrokerError> {
        let mut count = 0;
        let result = loop {
            let Some(entry) = self.queue.next(self.settings.window) else { break Ok(()) };
            fault::point(FaultPoint::BeforePublish, &*entry.message);
            match session.publish(entry.message.to_publish()) {
                Ok(number) => {
                    fault::point(FaultPoint::AfterPublish, &*entry.message);
                    self.queue.flight.insert(number, entry);
                    count += 1;
                }
                Err(error @ BrokerError::Unrepresentable(_)) => {
                    self.queue.unrepresentable(&entry, error.to_string());
                }
                Err(cause) => {
                    self.queue.put_back(entry);
                    break Err(cause);
                }
            }
        };
        self.published.increment(count);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 messages are in flight")]
        self.in_flight.set(self.queue.flight.len() as f64);
        result
    }

    fn take(&mut self, answer: &MessageConfirm) {
        let Some(entry) = self.queue.flight.take(answer.number) else { return };
        self.queue.taken(&entry);
        match answer.outcome {
            PublishOutcome::Ack => {
                fault::point(FaultPoint::AfterConfirm, &*entry.message);
                self.confirmed.increment(1);
                self.queue.batches.confirmed(&entry);
            }
            PublishOutcome::Nack => {
                self.nacked.increment(1);
                let problem = "the broker did not accept a message (full queue?); trying again";
                self.alarm.raise(&*entry.message, problem);
                self.again_or_never(entry, &Backoff::WORK, NO_QUEUE_TOOK_IT);
            }
            PublishOutcome::Returned { .. } => {
                self.returned.increment(1);
                let problem = "the broker returned a message: no queue is bound for it; apply \
                               broker/definitions.json; trying again";
                self.alarm.raise(&*entry.message, problem);
                self.again_or_never(entry, &Backoff::TOPOLOGY, "no queue is bound for it");
            }
        }
    }

    fn again_or_never(&mut self, entry: InFlight, backoff: &Backoff, why: &str) {
        if self.queue.batches.is_patient(&entry) {
            self.queue.postpone(entry, backoff);
        } else {
            self.queue.batches.not_taken(&entry, why.to_owned());
        }
    }

    /// Takes the last confirms of a lost connection. Returns the broker's reason if it gave one.
    async fn last_confirms(&mut self, confirms: &mut Confirms, cause: BrokerError) -> BrokerError {
        let rest = async {
            while let Some(answers) = confirms.next().await {
                match answers {
                    Ok(answers) => answers.iter().for_each(|answer| self.take(answer)),
                    Err(reason) => return Some(reason),
                }
            }
            None
        };
        let reason = if matches!(cause, BrokerError::Lost(_)) {
            timeout(LAST_CONFIRMS, rest).await.ok().flatten()
        } else {
            timeout(LAST_CONFIRMS, rest).await.ok();
            None
        };
        reason.unwrap_or(cause)
    }

    fn show_held(&self) {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 messages are in memory")]
        let waiting = self.queue.held_count() as f64;
        self.waiting.set(waiting);
        let reason = self.queue.held();
        self.held.send_if_modified(|held| {
            let differs = held.as_deref() != reason;
            if differs {
                *held = reason.map(str::to_owned);
            }
            differs
        });
    }

    fn show(&self, blocked: bool) {
        let state = if blocked {
            tracing::warn!("{NOT_NOW}; waiting");
            ConnectionState::Blocked
        } else {
            if *self.state.borrow() == ConnectionState::Blocked {
                tracing::info!("the broker accepts messages again");
            }
            ConnectionState::Ready
        };
        self.state.send_replace(state);
    }
}

/// The oldest unconfirmed message, looked at now and then.
struct OldestUnconfirmed {
    limit: Duration,
    look: Interval,
    seen: Option<InFlightSnapshot>,
}

/// The messages in flight when the oldest one was first seen as such.
struct InFlightSnapshot {
    oldest: u64,
    newest: u64,
    since: Instant,
}

impl OldestUnconfirmed {
    fn new(limit: Duration) -> Self {
        let mut look = interval(limit / 10);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { limit, look, seen: None }
    }

    /// The newest message that was in flight for longer than the limit, if the same message has
    /// been the oldest for that time.
    fn overdue(&mut self, in_flight: Option<(u64, u64)>) -> Option<u64> {
        match (in_flight, &self.seen) {
            (Some((oldest, _)), Some(seen)) if oldest == seen.oldest => {
                (seen.since.elapsed() > self.limit).then_some(seen.newest)
            }
            _ => {
                let since = Instant::now();
                self.seen =
                    in_flight.map(|(oldest, newest)| InFlightSnapshot { oldest, newest, since });
                None
            }
        }
    }
}

/// Logs at most once per second an error that may concern thousands of messages.
#[derive(Debug, Default)]
struct Alarm {
    last: Option<Instant>,
    silent: u64,
}

impl Alarm {
    fn raise(&mut self, message: &dyn Outgoing, problem: &str) {
        if self.last.is_some_and(|last| last.elapsed() < ALARM_EVERY) {
            self.silent += 1;
            return;
        }
        let Publish { routing_key, properties, .. } = message.to_publish();
        tracing::error!(
            routing_key,
            id = text_of(properties.message_id()),
            saga = text_of(properties.correlation_id()),
            others = self.silent,
            "{problem}"
        );
        self.last = Some(Instant::now());
        self.silent = 0;
    }
}
