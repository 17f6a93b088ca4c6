//! The narrow seam in front of the broker.
//!
//! Everything that ballet asks of RabbitMQ goes through [`Broker`] and [`Session`], so that an
//! in-memory broker can take its place where schedules are explored. The seam adds no policy:
//! reconnecting, republishing and acknowledging belong to [`consumer`](crate::consumer) and
//! [`publisher`](crate::publisher).

mod address;
mod confirms;
mod error;
mod headers;
mod lapin;
mod state;
mod topology;

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

pub use self::address::Addresses;
pub use self::error::BrokerError;
pub use self::lapin::RabbitMq;
pub use self::state::{Backoff, ConnectionState};
pub(crate) use self::state::{jittered, until};
pub use self::topology::{Expected, Missing};
pub use ::lapin::BasicProperties;
pub use ::lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};

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

/// Where a session leads to; without any secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `host:port`.
    pub address: String,
    /// The virtual host.
    pub vhost: String,
    /// The user that we signed in as.
    pub user: String,
}

/// Something that a service expects to exist in the broker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// An exchange, by name.
    Exchange(String),
    /// A queue, by name.
    Queue(String),
}

/// An object that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// How many messages are ready in a queue; 0 for an exchange.
    pub messages: u32,
    /// How many consumers a queue has; 0 for an exchange.
    pub consumers: u32,
}

/// A message to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// The exchange to publish to.
    pub exchange: String,
    /// The routing key; the event's type.
    pub routing_key: String,
    /// Whether the broker returns the message when it can be routed to no queue.
    pub mandatory: bool,
    /// All properties and headers, sent as they are.
    pub properties: BasicProperties,
    /// The body, sent as it is.
    pub body: Bytes,
}

/// A message that the broker delivered and waits to see acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its number on the channel.
    pub tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange that it was published to.
    pub exchange: String,
    /// The routing key that it was published with.
    pub routing_key: String,
    /// All properties and headers, as they came.
    pub properties: BasicProperties,
    /// The body, as it came.
    pub body: Vec<u8>,
}

/// The broker's answer to one published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// What [`Session::publish`] returned.
    pub number: u64,
    /// The answer.
    pub outcome: Outcome,
}

/// What became of a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every queue that it was routed to has it.
    Ack,
    /// At least one queue did not take it; others may have.
    Nack,
    /// It was mandatory, and no queue is bound for it.
    Returned {
        /// The AMQP reply code, 312 for `NO_ROUTE`.
        code: u16,
        /// The broker's words.
        text: String,
    },
}

/// Waits for the end of a session; for [`Session::closed`].
pub(crate) async fn lost(closed: &mut watch::Receiver<Option<BrokerError>>) -> BrokerError {
    match closed.wait_for(Option::is_some).await {
        Ok(cause) => cause.clone(),
        Err(_) => None,
    }
    .unwrap_or_else(|| BrokerError::Lost("the session ended".to_owned()))
}
