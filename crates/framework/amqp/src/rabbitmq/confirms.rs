//! Publishes through lapin without waiting for each message, and reads the broker's answers in
//! bulk.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::ready;
use futures_util::{FutureExt, Stream, StreamExt};
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::time::{Interval, MissedTickBehavior};

use crate::rabbitmq::header_limits;
use crate::rabbitmq::translate::{error, short};
use crate::session::error::BrokerError;
use crate::session::message::{MessageConfirm, Publish, PublishOutcome};
use crate::session::seam::Confirms;

/// When the oldest answer is missing for this long, the others are polled too.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

type PendingConfirm = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// The messages published on a channel and not yet answered.
pub(super) struct Pending {
    channel: Arc<Channel>,
    frame_max: usize,
    inner: Mutex<PendingState>,
}

#[derive(Default)]
struct PendingState {
    published: u64,
    waiting: VecDeque<WaitingConfirm>,
    /// Answers of this round. They are not passed on before a fence.
    answered: Vec<AnsweredConfirm>,
    reader: Option<Waker>,
}

struct WaitingConfirm {
    number: u64,
    fingerprint: u64,
    returned: Option<PublishOutcome>,
    answer: PendingConfirm,
}

struct AnsweredConfirm {
    fingerprint: u64,
    confirmed: MessageConfirm,
}

impl Pending {
    pub(super) fn new(channel: Arc<Channel>, frame_max: u32) -> Self {
        let frame_max = usize::try_from(frame_max).unwrap_or(usize::MAX);
        Self { channel, frame_max, inner: Mutex::default() }
    }

    pub(super) fn publish(&self, message: Publish) -> Result<u64, BrokerError> {
        let Publish { exchange, routing_key, mandatory, properties, body } = message;
        let fingerprint = fingerprint(&exchange, &routing_key, &properties);
        let (exchange, routing_key) = (short(exchange)?, short(routing_key)?);
        if let Some(table) = properties.headers() {
            header_limits::check(table, self.frame_max)?;
        }
        let channel = Arc::clone(&self.channel);
        let options = BasicPublishOptions { mandatory, immediate: false };
        let mut answer: PendingConfirm = Box::pin(async move {
            let sent = channel.basic_publish(exchange, routing_key, options, &body, properties);
            sent.await?.await
        });
        let mut inner = self.lock();
        // The first poll queues the frames, so the messages leave in the order of the calls.
        match answer.poll_unpin(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {}
            // The broker answered before lapin returned.
            Poll::Ready(Ok(already)) => answer = Box::pin(ready(Ok(already))),
            Poll::Ready(Err(cause)) => return Err(error(&cause)),
        }
        inner.published += 1;
        let number = inner.published;
        inner.waiting.push_back(WaitingConfirm { number, fingerprint, returned: None, answer });
        if inner.waiting.len() == 1
            && let Some(reader) = inner.reader.take()
        {
            reader.wake();
        }
        Ok(number)
    }

    /// Waits until lapin has applied a multiple acknowledgement to all of its messages.
    ///
    /// lapin attaches a returned message to the confirm that it completes next, which may belong to
    /// another message. It completes the confirms of one acknowledgement under a lock. Once that
    /// lock is free after an answer was seen, the confirm that carries this answer's return is
    /// complete too.
    fn fence(&self) {
        // The first poll takes that lock. There is nothing else to wait for.
        self.channel.wait_for_confirms().now_or_never();
    }

    fn lock(&self) -> MutexGuard<'_, PendingState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

pub(super) fn confirms(pending: Arc<Pending>) -> Confirms {
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ConfirmStream { pending, sweep, stuck_at: 0, lost: None, ended: false }.boxed()
}

struct ConfirmStream {
    pending: Arc<Pending>,
    sweep: Interval,
    stuck_at: u64,
    lost: Option<BrokerError>,
    ended: bool,
}

impl Stream for ConfirmStream {
    type Item = Result<Vec<MessageConfirm>, BrokerError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let pending = Arc::clone(&this.pending);
        let mut inner = pending.lock();
        let mut look_at_all = false;
        if let Some(oldest) = inner.waiting.front()
            && this.sweep.poll_tick(cx).is_ready()
        {
            look_at_all = oldest.number == std::mem::replace(&mut this.stuck_at, oldest.number);
            // Registers for the next tick.
            let _again = this.sweep.poll_tick(cx).is_ready();
        }
        while inner.look(cx, look_at_all, &mut this.lost) {
            pending.fence();
        }
        if inner.answered.is_empty() {
            if let Some(lost) = this.lost.take() {
                this.ended = true;
                return Poll::Ready(Some(Err(lost)));
            }
            inner.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let answered = std::mem::take(&mut inner.answered);
        Poll::Ready(Some(Ok(answered.into_iter().map(|answer| answer.confirmed).collect())))
    }
}

impl PendingState {
    /// Takes in the answers, from the oldest message to the first unanswered one, or of all
    /// messages. Returns true if there were any.
    fn look(&mut self, cx: &mut Context<'_>, all: bool, lost: &mut Option<BrokerError>) -> bool {
        let before = self.answered.len();
        let mut index = 0;
        while let Some(waiting) = self.waiting.get_mut(index) {
            match waiting.answer.poll_unpin(cx) {
                Poll::Pending if all || lost.is_some() => index += 1,
                Poll::Pending => break,
                Poll::Ready(answer) => {
                    if let Some(waiting) = self.waiting.remove(index) {
                        self.take(waiting, answer, lost);
                    }
                }
            }
        }
        self.answered.len() > before
    }

    fn take(
        &mut self,
        waiting: WaitingConfirm,
        answer: lapin::Result<Confirmation>,
        lost: &mut Option<BrokerError>,
    ) {
        let (outcome, returned) = match answer {
            Ok(Confirmation::Ack(returned)) => (PublishOutcome::Ack, returned),
            Ok(Confirmation::Nack(returned)) => (PublishOutcome::Nack, returned),
            Ok(Confirmation::NotRequested) => return,
            Err(cause) => {
                let cause = error(&cause);
                // The broker's own reason says more than "not connected".
                if lost.is_none() || !matches!(cause, BrokerError::Lost(_)) {
                    *lost = Some(cause);
                }
                return;
            }
        };
        let confirmed =
            MessageConfirm { number: waiting.number, outcome: waiting.returned.unwrap_or(outcome) };
        self.answered.push(AnsweredConfirm { fingerprint: waiting.fingerprint, confirmed });
        if let Some(returned) = returned {
            self.assign(&returned);
        }
    }

    /// Finds the returned message. Its confirm is not always the one that carried it.
    fn assign(&mut self, returned: &BasicReturnMessage) {
        let outcome = PublishOutcome::Returned {
            code: returned.reply_code,
            text: returned.reply_text.to_string(),
        };
        let wanted = fingerprint(
            returned.exchange.as_str(),
            returned.routing_key.as_str(),
            &returned.properties,
        );
        let answered = self.answered.iter_mut().find(|answer| {
            answer.fingerprint == wanted && answer.confirmed.outcome == PublishOutcome::Ack
        });
        if let Some(answer) = answered {
            answer.confirmed.outcome = outcome;
        } else if let Some(waiting) = self
            .waiting
            .iter_mut()
            .find(|waiting| waiting.fingerprint == wanted && waiting.returned.is_none())
        {
            waiting.returned = Some(outcome);
        } else if let Some(carrier) = self.answered.last_mut() {
            // Cannot happen. If it does, one extra message is published again.
            carrier.confirmed.outcome = outcome;
        }
    }
}

/// Identifies a returned message, which comes back with its address and properties.
fn fingerprint(exchange: &str, routing_key: &str, properties: &BasicProperties) -> u64 {
    let mut hasher = DefaultHasher::new();
    exchange.hash(&mut hasher);
    routing_key.hash(&mut hasher);
    properties.message_id().as_ref().map(|id| id.as_str()).hash(&mut hasher);
    hasher.finish()
}
