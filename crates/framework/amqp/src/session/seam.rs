//! The narrow interface to the broker.
//!
//! ballet uses RabbitMQ only through [`Broker`] and [`Session`], so tests that explore schedules
//! can use an in-memory broker. The consumer and the publisher, and not the interface, decide about
//! reconnects, republishing and acknowledgements.

use std::fmt::Debug;
use std::sync::Arc;

use ballet_core::topology::Binding;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use futures_util::stream::BoxStream;
use serde_json::Value;
use tokio::sync::watch;

use crate::session::error::BrokerError;
use crate::session::lookup::Lookup;
use crate::session::message::{Delivery, MessageConfirm, Publish};
use crate::session::object::Object;
use crate::session::peer::Peer;

/// A broker to connect to.
pub trait Broker: Debug + Send + Sync {
    /// Opens one connection with one working channel, shown as `name` in the RabbitMQ console.
    ///
    /// Each call is one attempt at one host. The next call tries the next host.
    fn connect<'a>(&'a self, name: &'a str)
    -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>>;

    /// Lists all bindings of the virtual host.
    fn bindings(&self) -> BoxFuture<'_, Result<Vec<Binding>, NotListed>> {
        ready(Err(NotListed("this broker does not list its bindings".to_owned()))).boxed()
    }

    /// Lists all queues of the virtual host as RabbitMQ's management API writes them, with their arguments and
    /// with what policies make of them.
    fn queues(&self) -> BoxFuture<'_, Result<Vec<Value>, NotListed>> {
        ready(Err(NotListed("this broker does not list its queues".to_owned()))).boxed()
    }
}

/// Why it is not known which objects a broker has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotListed(pub String);

/// The stream of deliveries of one consumer.
///
/// The end of the stream is a fault unless [`Session::cancel`] was called. The broker cancels a
/// consumer without an error, for example when its queue is deleted.
pub type Deliveries = BoxStream<'static, Result<Delivery, BrokerError>>;

/// The place at which a consumer of a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStart {
    /// At the messages of that time, in seconds since 1970. The broker may begin a little earlier. Of a stream without
    /// a message it passes over one that comes in that moment.
    Time(u64),
    /// At the message with this offset, or at the next one that the stream still has.
    Offset(u64),
    /// At the last messages that were written together.
    Last,
}

/// The broker's answers to published messages, some at a time. The last item is the error that
/// ended the channel. A message without an answer by then has an *unknown* outcome.
pub type Confirms = BoxStream<'static, Result<Vec<MessageConfirm>, BrokerError>>;

/// A connection with a working channel, used by one role. A lost session is never repaired. Its
/// owner drops it and connects again.
pub trait Session: Debug + Send + Sync {
    /// Returns the other end of the connection.
    fn peer(&self) -> &Peer;

    /// Opens one more working channel on this connection, as a session that ends with this one. Its
    /// close ends only the channel, and what it holds returns to its queue. If the broker closes
    /// only the channel, its [`closed`](Self::closed) does not say why.
    fn channel(&self) -> BoxFuture<'_, Result<Arc<dyn Session>, BrokerError>> {
        let why = "this broker has one channel for each connection".to_owned();
        ready(Err(BrokerError::Unrepresentable(why))).boxed()
    }

    /// Looks for an exchange or a queue without changing anything. A refused question is no error,
    /// but makes the object [hidden](Lookup::Hidden).
    fn find<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Lookup, BrokerError>>;

    /// Starts a consumer. At most `prefetch` deliveries are unacknowledged at any time.
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        consumer_tag: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>>;

    /// Starts a consumer of a stream. An acknowledgement only asks for more. A session reads a
    /// stream once, since a second consumer may lose a message that comes just as the first one,
    /// which waited for it, is cancelled.
    fn consume_stream<'a>(
        &'a self,
        _stream: &'a str,
        _consumer_tag: &'a str,
        _prefetch: u16,
        _start: StreamStart,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>> {
        let why = "this broker has no streams".to_owned();
        ready(Err(BrokerError::Unrepresentable(why))).boxed()
    }

    /// Cancels a consumer. Its stream still yields the deliveries on their way, and then ends.
    /// Unacknowledged deliveries stay unacknowledged.
    fn cancel<'a>(&'a self, consumer_tag: &'a str) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Acknowledges one delivery, or all up to and including it. An error means that the channel is
    /// gone and the broker delivers again.
    fn ack(&self, tag: u64, multiple: bool) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Gives one delivery back to its queue. Uses `basic.nack`, which RabbitMQ 4.3 does not count
    /// towards the delivery limit.
    fn give_back(&self, tag: u64) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Asks the broker to confirm publishes on this channel. Call it once, before the first
    /// [`publish`](Self::publish).
    fn confirms(&self) -> BoxFuture<'_, Result<Confirms, BrokerError>>;

    /// Sends a message without waiting, and returns its number on this channel (1, 2, 3 ...). Its
    /// confirm carries the same number. Messages leave in the order of the calls.
    fn publish(&self, message: Publish) -> Result<u64, BrokerError>;

    /// Returns a receiver that is true while the broker blocks this connection (memory or disk
    /// alarm).
    fn blocked(&self) -> watch::Receiver<bool>;

    /// Returns a receiver that becomes `Some`, with the reason, once the connection or its working
    /// channel is gone.
    fn closed(&self) -> watch::Receiver<Option<BrokerError>>;

    /// Closes the connection gracefully. Returns after a short time limit if the other end does not
    /// answer.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Waits for the end of a session, given its [`Session::closed`].
pub(crate) async fn lost(closed: &mut watch::Receiver<Option<BrokerError>>) -> BrokerError {
    match closed.wait_for(Option::is_some).await {
        Ok(cause) => cause.clone(),
        Err(_) => None,
    }
    .unwrap_or_else(|| BrokerError::Lost("the session ended".to_owned()))
}
