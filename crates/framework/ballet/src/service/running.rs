//! A running service, and its stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{ConsumerHandle, PublisherHandle};
use ballet_http::departure::Departure;
use futures_util::future::join_all;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::http::unit::Handle;
use crate::service::tasks::Tasks;
use crate::upkeep::outbox::marks;

/// Extra time for the last steps of a stop.
const LEAVE: Duration = Duration::from_secs(1);

/// A running service. Dropping it ends the service at once, as a crash would.
#[derive(Debug)]
pub struct Running {
    pub(super) address: SocketAddr,
    pub(super) handle: Handle,
    pub(super) consumer: Arc<ConsumerHandle>,
    pub(super) publisher: PublisherHandle,
    pub(super) signals: Signals,
    pub(super) failed: watch::Receiver<Option<String>>,
    /// Tasks that end when the service is asked to stop.
    pub(super) http: Tasks,
    /// Lanes, sweeper and the like. They end once nothing more may be committed.
    pub(super) work: Tasks,
    /// Tasks that must outlive all others.
    pub(super) base: Tasks,
    pub(super) drain: Duration,
    /// The time for which a stop serves new HTTP connections, before `drain`.
    pub(super) departure: Departure,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.publisher.abandon();
        if let Some(telemetry) = &self.handle.telemetry.publisher {
            telemetry.abandon();
        }
    }
}

/// The signals to the tasks, in the order in which they are sent.
#[derive(Debug)]
pub(super) struct Signals {
    /// Take no new work.
    pub(super) stop: watch::Sender<bool>,
    /// Commit nothing more.
    pub(super) end: watch::Sender<bool>,
    /// End.
    pub(super) leave: watch::Sender<bool>,
}

impl Running {
    /// Returns the name of the service.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.handle.engine.registry.service
    }

    /// Returns the address that serves HTTP.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the handle that HTTP handlers use.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns how many events are committed, or being committed, and not published.
    #[doc(hidden)]
    #[must_use]
    pub fn unpublished(&self) -> i64 {
        self.handle.engine.relay.unpublished().0
    }

    /// Waits until a part of the service fails, and returns which one and why. The service no
    /// longer works as a whole then, and must be restarted.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        let why = failed.wait_for(Option::is_some).await.map(|why| why.clone());
        match why {
            Ok(why) => why.unwrap_or_default(),
            // No task is left that could fail.
            Err(_) => std::future::pending().await,
        }
    }

    /// Stops the service: takes no new work, finishes the work in progress, and publishes committed
    /// events, all within the time set in the settings. HTTP requests are served for the delay of the
    /// settings before that time begins. Unfinished work is done after the next start or by another
    /// replica.
    pub async fn stop(mut self) {
        let deadline = Instant::now() + self.departure.left() + self.drain;
        self.signals.stop.send_replace(true);
        // Reserve a part of the time for publishing; hanging requests could take it all.
        self.take_in_hand(deadline - self.drain / 4).await;

        // From here on nothing is committed, not even answers of calls.
        self.signals.end.send_replace(true);
        let now = Instant::now();
        let half = now + deadline.saturating_duration_since(now) / 2;
        if !self.work.end_by(half).await {
            tracing::warn!("not all lanes finished in time; their messages will be handled again");
        }

        self.publish(deadline).await;
        let last = deadline.max(Instant::now() + LEAVE);
        let pools = self.handle.engine.database.pools();
        let closed = join_all(pools.map(PgPool::close));
        if timeout_at(last, closed).await.is_err() {
            tracing::warn!("a database connection is still in use, or does not answer");
        }
        self.signals.leave.send_replace(true);
        self.base.end_by(Instant::now() + LEAVE).await;
    }

    async fn take_in_hand(&mut self, deadline: Instant) {
        let time = deadline.saturating_duration_since(Instant::now());
        let drained = timeout_at(deadline + LEAVE, self.consumer.stop(time));
        let (answered, drained) = tokio::join!(self.http.end_by(deadline), drained);
        if !answered {
            tracing::warn!("not all HTTP requests were answered in time");
        }
        match drained {
            Ok(drained) if drained.unsettled == 0 => {}
            Ok(drained) => tracing::warn!(
                unsettled = drained.unsettled,
                "not all messages were handled in time; the broker delivers them again"
            ),
            Err(_) => tracing::warn!("the consumer's connection did not close in time"),
        }
    }

    async fn publish(&self, deadline: Instant) {
        let time = deadline.saturating_duration_since(Instant::now());
        match timeout_at(deadline + LEAVE, self.publisher.stop(time)).await {
            Ok(0) => {}
            Ok(unconfirmed) => tracing::warn!(
                unconfirmed,
                "not all events were published in time; the outbox keeps them"
            ),
            Err(_) => tracing::warn!("the publisher's connection did not close in time"),
        }
        if let Some(telemetry) = &self.handle.telemetry.publisher {
            // Its requests have been answered.
            timeout_at(deadline + LEAVE, telemetry.stop(LEAVE)).await.ok();
        }
        let last = deadline.max(Instant::now() + LEAVE);
        let why = match timeout_at(last, marks::flush_now(&self.handle.engine)).await {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => "the database does not answer".to_owned(),
        };
        tracing::warn!(
            "the last marks could not be written; their events will be published again: {why}"
        );
    }
}
