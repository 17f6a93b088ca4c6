//! The RabbitMQ client of ballet: supervised consuming and publishing, with confirms and without
//! loss.
//!
//! This crate knows nothing of sagas or databases. A service uses it through `ballet`; tools and
//! tests use it directly.
//!
//! | for | read |
//! |---|---|
//! | a connection | [`Broker`], [`Session`], [`RabbitMq`] |
//! | messages in | [`Consumer`], [`Receipt`] |
//! | messages out | [`Publisher`], [`OutBatch`], [`Outgoing`] |
//! | several events in one message | [`pack`](mod@pack) |
//! | headers: which are ours, and their values | [`headers`] |
//! | certificates | [`TlsFiles`] |

#![warn(missing_docs)]

mod backoff;
mod consumer;
pub mod headers;
mod incoming;
mod management;
pub mod pack;
mod publisher;
mod rabbitmq;
mod session;
pub mod tls;

pub use backoff::{Backoff, jittered};
#[doc(hidden)]
pub use consumer::watermark::Watermark;
pub use consumer::{
    arrival::{Arrival, Sink},
    handle::{Consumer, ConsumerHandle, StopResult},
    lengths::Lengths,
    prefetch::Ahead,
    receipt::Receipt,
    settings::ConsumerSettings,
};
pub use incoming::{incoming, incoming_of};
pub use lapin::BasicProperties;
pub use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable, LongString, ShortString};
#[doc(hidden)]
pub use management::{ManagementApi, ManagementError, QueueDepth};
pub use publisher::{
    batch::{BatchId, LeftBehind, OnPublished, OutBatch, PublishedBatch, Unpublishable},
    handle::{Handover, PublishError, Publisher, PublisherHandle},
    outgoing::Outgoing,
    settings::PublisherSettings,
};
pub use rabbitmq::{address::Addresses, broker::RabbitMq, management::ManagementAddress};
pub use session::{
    error::BrokerError,
    expected_objects::ExpectedObjects,
    lookup::Lookup,
    message::{Delivery, MessageConfirm, PERSISTENT, Publish, PublishOutcome},
    object::{FoundObject, MissingObjects, Object},
    peer::Peer,
    seam::{Broker, Confirms, Deliveries, NotListed, Session, StreamStart},
    state::ConnectionState,
};
pub use tls::TlsFiles;
