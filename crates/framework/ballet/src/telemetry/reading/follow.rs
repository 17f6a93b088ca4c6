//! Follows one stream into the memory of this process, from some time ago on.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Backoff, Broker, BrokerError, Session};
use ballet_core::topology::TELEMETRY;
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::declare::handler::failure::Failure;
use crate::declare::telemetry::AnyFollower;
use crate::engine::engine::Engine;
use crate::engine::handlers::guard::caught;
use crate::engine::stopping::{stopped, waited};
use crate::telemetry::reading::batch::ReadingBatch;
use crate::telemetry::reading::receive::{Receiver, received};
use crate::telemetry::reading::start::MessagesSince;
use crate::telemetry::reading::state::{ReaderStates, name_of};
use crate::telemetry::series;
use crate::telemetry::series::READER_FAILED;

/// The first message of what there is comes well within this time.
const FIRST: Duration = Duration::from_secs(15);

pub(crate) struct StreamFollower {
    pub(crate) engine: Arc<Engine>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) follower: Arc<dyn AnyFollower>,
    pub(crate) states: Arc<ReaderStates>,
    pub(crate) partition: u16,
    pub(crate) most: u16,
    /// Whether it was at the end once.
    pub(crate) is_followed: bool,
}

struct StartPlace {
    connection: String,
    /// The time from which messages count, in seconds since 1970.
    begins_at: i64,
    since: MessagesSince,
}

impl StreamFollower {
    /// Follows until the service stops. After a lost connection it reads back as far as a process
    /// that starts, so a gap, or a recreated stream, needs nothing more.
    pub(crate) async fn run(mut self) {
        let codec = self.follower.codec();
        let stream = codec.reads().routing_key(self.partition);
        let name = name_of(codec.name, &stream);
        let mut stopping = self.engine.stopping.clone();
        let mut backoff = Backoff::CONNECTION;
        loop {
            let mut has_followed = false;
            let lost = tokio::select! {
                lost = self.connected(&stream, &name, &mut has_followed) => lost,
                () = stopped(&mut stopping) => return,
            };
            if has_followed {
                backoff.reset();
            }
            let pause = backoff.wait();
            self.states.fails(&name, &lost.to_string());
            tracing::info!("{name} is followed again in {pause:?}: {lost}");
            if !waited(&mut stopping, pause).await {
                return;
            }
        }
    }

    async fn connected(
        &mut self,
        stream: &str,
        name: &str,
        has_followed: &mut bool,
    ) -> BrokerError {
        let (service, process) = (self.engine.registry.service, self.engine.relay.process);
        let connection = format!("{service} follows {name} {process}");
        let queue = format!("{TELEMETRY}.{stream}");
        let begins_at = (self.engine.time.clock.now() - self.follower.reaches_back()).as_second();
        let since = match self.since(&connection, &queue, begins_at).await {
            Ok(since) => since,
            Err(error) => return error,
        };
        let session = match self.broker.connect(&connection).await {
            Ok(session) => session,
            Err(error) => return error,
        };
        let place = StartPlace { connection, begins_at, since };
        let lost = Box::pin(self.follow(&session, &queue, name, place, has_followed)).await;
        session.close().await;
        lost.err().unwrap_or_else(|| BrokerError::Lost("it ended".to_owned()))
    }

    /// Looks for the messages since this time, in a session of its own. If a second consumer of a
    /// session begins while the first waits in an empty stream, the broker may deliver a message
    /// before it confirms the second consumer, and the message is lost.
    async fn since(
        &self,
        connection: &str,
        queue: &str,
        seconds: i64,
    ) -> Result<MessagesSince, BrokerError> {
        let session = self.broker.connect(connection).await?;
        let since = MessagesSince::find_surely(&*session, queue, seconds).await;
        session.close().await;
        since
    }

    async fn follow(
        &mut self,
        session: &Arc<dyn Session>,
        queue: &str,
        name: &str,
        StartPlace { connection, begins_at, since: MessagesSince { start, end } }: StartPlace,
        has_followed: &mut bool,
    ) -> Result<(), BrokerError> {
        let codec = self.follower.codec();
        let prefetch = self.most.saturating_mul(2).max(2);
        let mut receiver = Receiver {
            session: Arc::clone(session),
            deliveries: session.consume_stream(queue, queue, prefetch, start).await?,
            codec,
            partition: self.partition,
            most: usize::from(self.most),
            next: None,
            begins_at: Some(begins_at),
            is_continuous: true,
            first: None,
            lost: None,
        };
        *has_followed = true;
        self.states.works(name);
        loop {
            let is_at_end = end.is_none_or(|end| receiver.next.is_some_and(|next| next > end));
            let is_silent = !self.is_followed && !is_at_end && nothing_comes(&mut receiver).await?;
            // If the broker is only slow, a second look has no answer in time, or another one. Then
            // it is waited for again, since there may be no message that ends a wait for the next
            // one.
            if is_silent && self.since(&connection, queue, begins_at).await?.end != end {
                continue;
            }
            if !self.is_followed && (is_at_end || is_silent) {
                self.is_followed = true;
                self.states.is_followed();
                tracing::info!("{name} is followed to its end");
            }
            let mut batch = receiver.batch().await?;
            let taken = self.take(&mut batch);
            // A batch that is not full ends where the stream does.
            let late = batch.seen.last().filter(|_| batch.seen.len() >= usize::from(self.most));
            let now = self.engine.time.clock.now();
            let late = late.and_then(|last| Some(now.duration_since(last.published_at?)));
            let late = late.map_or(0.0, |late| late.as_secs_f64().max(0.0));
            series::follow_lag(codec.name, codec.reads().routing_key(self.partition), late);
            series::read(codec.name).increment(u64::try_from(taken).unwrap_or_default());
            for aside in &batch.aside {
                let (reason, detail, offset) = (aside.reason, &aside.detail, aside.offset);
                series::aside(codec.name, reason).increment(1);
                tracing::warn!(offset, reason, "{name} passed over a message: {detail}");
            }
        }
    }

    /// Returns how many readings of a batch it could take. One with which it panics goes aside.
    fn take(&self, batch: &mut ReadingBatch) -> usize {
        let all = batch.seen.last().map_or(0, |last| last.readings);
        if self.take_some(batch, 0..all).is_ok() {
            return all;
        }
        let mut taken = 0;
        for one in 0..all {
            match self.take_some(batch, one..one + 1) {
                Ok(()) => taken += 1,
                Err(panicked) => batch.set_aside(one, READER_FAILED, &panicked.to_string()),
            }
        }
        taken
    }

    fn take_some(&self, batch: &ReadingBatch, range: Range<usize>) -> Result<(), Failure> {
        let now = self.engine.time.clock.now();
        caught("the follower", || self.follower.take(now, &batch.readings, range))
    }
}

/// Whether none of the expected messages comes. If the last message has no time, or one that is too
/// old by the broker's clock, the broker silently waits for the next message.
async fn nothing_comes(receiver: &mut Receiver) -> Result<bool, BrokerError> {
    if receiver.next.is_some() {
        return Ok(false);
    }
    match timeout(FIRST, receiver.deliveries.next()).await {
        Ok(first) => {
            receiver.first = Some(received(first)?);
            Ok(false)
        }
        Err(_) => Ok(true),
    }
}
