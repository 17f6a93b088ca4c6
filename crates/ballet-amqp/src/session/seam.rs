//! The narrow seam in front of the broker.
//!
//! Everything that ballet asks of RabbitMQ goes through [`Broker`] and [`Session`], so an in-memory
//! broker can take its place where schedules are explored. The seam adds no policy: reconnecting,
//! republishing and acknowledging belong to the consumer and the publisher.

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

use crate::session::error::BrokerError;
use crate::session::message::{Confirmed, Delivery, Publish};
use crate::session::object::{Found, Object};
use crate::session::peer::Peer;

/// A place to connect to.
pub trait Broker: Debug + Send + Sync {
    /// Opens one connection with one working channel, shown as `name` in the RabbitMQ console.
    ///
    /// Each call is one attempt at one host; the next call tries the next one.
    fn connect<'a>(&'a self, name: &'a str)
    -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>>;
}

/// Unacknowledged messages as they come.
///
/// The end of the stream is a fault unless [`Session::cancel`] was called: the broker cancels a
/// consumer, for example when its queue is deleted, without an error.
pub type Deliveries = BoxStream<'static, Result<Delivery, BrokerError>>;

/// The broker's answers to what was published, some at a time; ends with the error that ended
/// the channel. What has no answer by then is *unknown*.
pub type Confirms = BoxStream<'static, Result<Vec<Confirmed>, BrokerError>>;

/// One connection with one working channel. It is used by one role, and not mended: when it is
/// lost, its owner drops it and connects again.
pub trait Session: Debug + Send + Sync {
    /// The other end.
    fn peer(&self) -> &Peer;

    /// Looks for an exchange or a queue without changing anything; `None` when there is none.
    fn find<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Option<Found>, BrokerError>>;

    /// Starts to consume; at most `prefetch` deliveries are unacknowledged at any time.
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        consumer_tag: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>>;

    /// Ends a consumer. Its stream still yields what was on its way, and then ends; what is
    /// unacknowledged stays so.
    fn cancel<'a>(&'a self, consumer_tag: &'a str) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Acknowledges one delivery, or all up to and including it. An error means that the channel
    /// is gone, and that the broker delivers again.
    fn ack(&self, tag: u64, multiple: bool) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Gives one delivery back to its queue. Uses `basic.nack`, which RabbitMQ 4.3 does not count
    /// towards the delivery limit.
    fn give_back(&self, tag: u64) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Asks the broker to confirm publishing on this channel. To be called once, before the first
    /// [`publish`](Self::publish).
    fn confirms(&self) -> BoxFuture<'_, Result<Confirms, BrokerError>>;

    /// Hands a message over without waiting, and returns its number on this channel (1, 2, 3 ...),
    /// under which its confirm will come. Messages leave in the order of the calls.
    fn publish(&self, message: &Publish) -> Result<u64, BrokerError>;

    /// Whether the broker takes nothing from this connection for now (an alarm).
    fn blocked(&self) -> watch::Receiver<bool>;

    /// Becomes `Some` once the connection or its working channel is gone, with the reason.
    fn closed(&self) -> watch::Receiver<Option<BrokerError>>;

    /// Closes in good order; returns when done, or soon if the other end does not answer.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Waits for the end of a session; for [`Session::closed`].
pub(crate) async fn lost(closed: &mut watch::Receiver<Option<BrokerError>>) -> BrokerError {
    match closed.wait_for(Option::is_some).await {
        Ok(cause) => cause.clone(),
        Err(_) => None,
    }
    .unwrap_or_else(|| BrokerError::Lost("the session ended".to_owned()))
}
