//! One lapin connection with its working channel.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Event, ExchangeKind};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::headers::names::STREAM_OFFSET;
use crate::rabbitmq::confirms::{Pending, confirms};
use crate::rabbitmq::translate::{delivery, error, short};
use crate::session::error::BrokerError;
use crate::session::lookup::Lookup;
use crate::session::message::Publish;
use crate::session::object::{FoundObject, Object};
use crate::session::peer::Peer;
use crate::session::seam::{Confirms, Deliveries, Session, StreamStart, lost};

/// Earlier acknowledgements count only if the broker reads them. A connection that is dropped
/// too early may lose them.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);
/// How often lapin's connection state is polled, to detect the loss of an idle connection.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(super) struct LapinSession {
    connection: Arc<Connection>,
    channel: Arc<Channel>,
    /// Whether the connection ends with it.
    owns_connection: bool,
    pending: Arc<Pending>,
    peer: Peer,
    blocked: watch::Receiver<bool>,
    closed: watch::Receiver<Option<BrokerError>>,
    watcher: AbortHandle,
}

impl LapinSession {
    pub(super) fn new(connection: Connection, channel: Channel, peer: Peer) -> Self {
        let (blocked_tx, blocked) = watch::channel(false);
        let (closed_tx, closed) = watch::channel(None);
        let watcher = tokio::spawn(watch_over(&connection, &channel, blocked_tx, closed_tx));
        let frame_max = connection.configuration().frame_max();
        let channel = Arc::new(channel);
        Self {
            pending: Arc::new(Pending::new(Arc::clone(&channel), frame_max)),
            connection: Arc::new(connection),
            channel,
            owns_connection: true,
            peer,
            blocked,
            closed,
            watcher: watcher.abort_handle(),
        }
    }

    /// A further channel on the connection. lapin tells each event of a connection only once, so all of them are left
    /// to this session.
    fn further(&self, channel: Channel) -> Self {
        let (closed_tx, closed) = watch::channel(None);
        let watcher = tokio::spawn(watch_channel(&channel, self.closed.clone(), closed_tx));
        let frame_max = self.connection.configuration().frame_max();
        let channel = Arc::new(channel);
        Self {
            pending: Arc::new(Pending::new(Arc::clone(&channel), frame_max)),
            connection: Arc::clone(&self.connection),
            channel,
            owns_connection: false,
            peer: self.peer.clone(),
            blocked: self.blocked.clone(),
            closed,
            watcher: watcher.abort_handle(),
        }
    }
}

impl LapinSession {
    async fn consume_with(
        &self,
        queue: &str,
        consumer_tag: &str,
        prefetch: u16,
        arguments: FieldTable,
    ) -> Result<Deliveries, BrokerError> {
        let qos = BasicQosOptions { global: false };
        self.channel.basic_qos(prefetch, qos).await.map_err(|e| error(&e))?;
        let (queue, tag) = (short(queue)?, short(consumer_tag)?);
        let options = BasicConsumeOptions::default();
        let consumer = self.channel.basic_consume(queue, tag, options, arguments).await;
        let consumer = consumer.map_err(|e| error(&e))?;
        Ok(consumer.map(|next| next.map(delivery).map_err(|e| error(&e))).boxed())
    }
}

impl Drop for LapinSession {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl fmt::Debug for LapinSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LapinSession").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Session for LapinSession {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn channel(&self) -> BoxFuture<'_, Result<Arc<dyn Session>, BrokerError>> {
        async move {
            let channel = self.connection.create_channel().await.map_err(|e| error(&e))?;
            Ok(Arc::new(self.further(channel)) as Arc<dyn Session>)
        }
        .boxed()
    }

    fn find<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Lookup, BrokerError>> {
        async move {
            // Use a separate channel, since the answers "not found" and "refused" close it.
            let channel = self.connection.create_channel().await.map_err(|e| error(&e))?;
            let found = match object {
                Object::Exchange(name) => {
                    let options = ExchangeDeclareOptions { passive: true, ..Default::default() };
                    let kind = ExchangeKind::Topic; // Ignored by a passive declare.
                    channel
                        .exchange_declare(short(name)?, kind, options, FieldTable::default())
                        .await
                        .map(|()| FoundObject { messages: 0, consumers: 0 })
                }
                Object::Queue(name) => {
                    let options = QueueDeclareOptions { passive: true, ..Default::default() };
                    channel.queue_declare(short(name)?, options, FieldTable::default()).await.map(
                        |queue| FoundObject {
                            messages: queue.message_count(),
                            consumers: queue.consumer_count(),
                        },
                    )
                }
            };
            match found.map_err(|e| error(&e)) {
                Ok(found) => Ok(Lookup::Found(found)),
                Err(BrokerError::ChannelClosed { code: 404, .. }) => Ok(Lookup::Absent),
                Err(BrokerError::ChannelClosed { code: 403, text }) => Ok(Lookup::Hidden(text)),
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn consume<'a>(
        &'a self,
        queue: &'a str,
        consumer_tag: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>> {
        self.consume_with(queue, consumer_tag, prefetch, FieldTable::default()).boxed()
    }

    fn consume_stream<'a>(
        &'a self,
        stream: &'a str,
        consumer_tag: &'a str,
        prefetch: u16,
        start: StreamStart,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>> {
        let mut arguments = FieldTable::default();
        let start = match start {
            StreamStart::Time(seconds) => AMQPValue::Timestamp(seconds),
            // A stream cannot have more.
            StreamStart::Offset(offset) => {
                AMQPValue::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX))
            }
            StreamStart::Last => AMQPValue::LongString("last".into()),
        };
        arguments.insert(STREAM_OFFSET.into(), start);
        self.consume_with(stream, consumer_tag, prefetch, arguments).boxed()
    }

    fn cancel<'a>(&'a self, consumer_tag: &'a str) -> BoxFuture<'a, Result<(), BrokerError>> {
        async move {
            let options = BasicCancelOptions::default();
            self.channel.basic_cancel(short(consumer_tag)?, options).await.map_err(|e| error(&e))
        }
        .boxed()
    }

    fn ack(&self, tag: u64, multiple: bool) -> BoxFuture<'_, Result<(), BrokerError>> {
        let options = BasicAckOptions { multiple };
        async move { self.channel.basic_ack(tag, options).await.map_err(|e| error(&e)) }.boxed()
    }

    fn give_back(&self, tag: u64) -> BoxFuture<'_, Result<(), BrokerError>> {
        let options = BasicNackOptions { multiple: false, requeue: true };
        async move { self.channel.basic_nack(tag, options).await.map_err(|e| error(&e)) }.boxed()
    }

    fn confirms(&self) -> BoxFuture<'_, Result<Confirms, BrokerError>> {
        async move {
            let options = ConfirmSelectOptions::default();
            self.channel.confirm_select(options).await.map_err(|e| error(&e))?;
            Ok(confirms(Arc::clone(&self.pending)))
        }
        .boxed()
    }

    fn publish(&self, message: Publish) -> Result<u64, BrokerError> {
        self.pending.publish(message)
    }

    fn blocked(&self) -> watch::Receiver<bool> {
        self.blocked.clone()
    }

    fn closed(&self) -> watch::Receiver<Option<BrokerError>> {
        self.closed.clone()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            // After an error the connection is closed already. After a timeout nothing more can be
            // done.
            let close = async {
                if self.owns_connection {
                    self.connection.close(200, "OK".into()).await
                } else {
                    self.channel.close(200, "OK".into()).await
                }
            };
            timeout(CLOSE_LIMIT, close).await.ok();
        }
        .boxed()
    }
}

/// Follows lapin's events, and polls its state, since lapin has no event for a lost connection.
fn watch_over(
    connection: &Connection,
    channel: &Channel,
    blocked: watch::Sender<bool>,
    closed: watch::Sender<Option<BrokerError>>,
) -> impl Future<Output = ()> + Send + 'static {
    let mut events = connection.events_listener().boxed();
    let connection = connection.status().clone();
    let channel = channel.status().clone();
    async move {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(_)) => { blocked.send_replace(true); }
                    Some(Event::ConnectionUnblocked) => { blocked.send_replace(false); }
                    // Also sent for further channels, and for those of `find`, which may close.
                    Some(Event::Error(cause)) if !channel.connected() => {
                        closed.send_replace(Some(error(&cause)));
                        return;
                    }
                    Some(_) => {}
                    None => break,
                },
                _ = look.tick() => if !connection.connected() || !channel.connected() { break },
            }
        }
        closed.send_replace(Some(BrokerError::Lost("the connection ended".to_owned())));
    }
}

/// Watches a further channel of a connection, which ends with the session that opened it. Only that
/// session learns why the broker closed the channel.
fn watch_channel(
    channel: &Channel,
    mut first: watch::Receiver<Option<BrokerError>>,
    closed: watch::Sender<Option<BrokerError>>,
) -> impl Future<Output = ()> + Send + 'static {
    let channel = channel.status().clone();
    async move {
        let ended = async {
            let mut look = tokio::time::interval(LOOK_EVERY);
            while channel.connected() {
                look.tick().await;
            }
        };
        let cause = tokio::select! {
            cause = lost(&mut first) => cause,
            () = ended => BrokerError::Lost("the channel ended".to_owned()),
        };
        closed.send_replace(Some(cause));
    }
}
