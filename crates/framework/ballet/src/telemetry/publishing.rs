//! Publishes telemetry from requests. There is no outbox, so what the broker has not confirmed is
//! answered as an error, and its client sends it again.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{ConnectionState, Outgoing, Publish, PublishError, PublisherHandle};
use ballet_core::topology::TELEMETRY;
use ballet_core::{MessageId, Telemetry, TelemetryType};
use ballet_store::outbox::wire::properties;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::declare::handler::clock::Clock;
use crate::telemetry::series;

/// The maximum number of messages of a process that wait for their confirm.
const IN_FLIGHT: usize = 2_000;
/// The largest body. A measurement is small.
const MAX_BODY: usize = 16 * 1024;
/// How long a caller waits for its turn, and then for the confirm.
const TURN: Duration = Duration::from_secs(1);
const CONFIRM: Duration = Duration::from_secs(4);
/// How long a message that nobody waits for is kept while the broker is unavailable.
const LATER: Duration = Duration::from_secs(30);

/// Why telemetry was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The broker is unavailable. Nothing was sent.
    #[error("the broker cannot be reached; nothing was recorded: send it again")]
    Away,
    /// The broker takes nothing for now. Nothing was sent.
    #[error("the broker takes no messages for now; nothing was recorded: send it again later")]
    Blocked,
    /// Too many messages wait for their confirm. Nothing was sent.
    #[error("too much telemetry is on its way; nothing was recorded: send it again later")]
    Busy,
    /// The broker did not confirm it. It may be in the stream all the same, and a second time when it is sent again.
    #[error("the broker did not confirm it in time; it may be recorded: send it again")]
    Unconfirmed(String),
    /// The measurement can never be published: its type is not declared, its body is too large, or it is no JSON.
    #[error("{0}")]
    Unpublishable(String),
}

pub(crate) struct TelemetryLine {
    pub(crate) service: &'static str,
    pub(crate) declared: Vec<TelemetryType>,
    pub(crate) clock: Clock,
    /// Missing if the service declares no telemetry.
    pub(crate) publisher: Option<PublisherHandle>,
    turns: Arc<Semaphore>,
}

impl TelemetryLine {
    pub(crate) fn new(
        service: &'static str,
        declared: Vec<TelemetryType>,
        clock: Clock,
        publisher: Option<PublisherHandle>,
    ) -> Self {
        Self { service, declared, clock, publisher, turns: Arc::new(Semaphore::new(IN_FLIGHT)) }
    }

    fn publisher_of(&self, telemetry: TelemetryType) -> Result<&PublisherHandle, TelemetryError> {
        let publisher = self.publisher.as_ref().filter(|_| self.declared.contains(&telemetry));
        publisher.ok_or_else(|| {
            TelemetryError::Unpublishable(format!(
                "{} does not declare that it publishes {telemetry}: add `publishes_telemetry(..)` to its `#[service(..)]`",
                self.service
            ))
        })
    }

    /// The publisher, if it can take a message now.
    fn open(&self, telemetry: TelemetryType) -> Result<&PublisherHandle, TelemetryError> {
        let publisher = self.publisher_of(telemetry)?;
        match *publisher.state().borrow() {
            ConnectionState::Ready => Ok(publisher),
            ConnectionState::Blocked => Err(TelemetryError::Blocked),
            ConnectionState::Connecting { .. }
            | ConnectionState::Paused
            | ConnectionState::Stopped => Err(TelemetryError::Away),
        }
    }

    fn message(&self, telemetry: TelemetryType, key: &[u8], body: Bytes) -> OutgoingTelemetry {
        let now = self.clock.now();
        OutgoingTelemetry {
            service: self.service,
            telemetry,
            routing_key: telemetry.routing_key(telemetry.partition_of(key)),
            message_id: MessageId(self.clock.new_id(now)),
            measured_at: now,
            body,
        }
    }
}

impl fmt::Debug for TelemetryLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryLine").field("declared", &self.declared).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct OutgoingTelemetry {
    service: &'static str,
    telemetry: TelemetryType,
    routing_key: String,
    message_id: MessageId,
    measured_at: Timestamp,
    body: Bytes,
}

impl Outgoing for OutgoingTelemetry {
    fn exchange(&self) -> &str {
        TELEMETRY
    }

    fn routing_key(&self) -> &str {
        &self.routing_key
    }

    fn body_len(&self) -> usize {
        self.body.len()
    }

    fn to_publish(&self) -> Publish {
        let properties = properties(self.service, self.message_id, self.measured_at)
            .with_type(self.telemetry.name().into());
        Publish {
            exchange: TELEMETRY.to_owned(),
            routing_key: self.routing_key.clone(),
            mandatory: true,
            properties,
            body: self.body.clone(),
        }
    }
}

/// Publishes telemetry of one type. Cheap to clone.
pub struct TelemetryPublisher<T> {
    line: Arc<TelemetryLine>,
    telemetry: PhantomData<fn(T)>,
}

impl<T: Telemetry> TelemetryPublisher<T> {
    pub(crate) fn new(line: Arc<TelemetryLine>) -> Self {
        Self { line, telemetry: PhantomData }
    }

    /// Publishes a measurement, and returns when the broker has it on disk. Confirms of many callers are in flight
    /// together, at most 2,000 in a process.
    ///
    /// The error of an unconfirmed measurement goes to the client, which sends it again. So a
    /// reader may see a measurement twice, and its type has what makes the two one, such as a
    /// number that counts up.
    ///
    /// # Errors
    ///
    /// A [`TelemetryError`]. A request answers it with 503 and `Retry-After`, except
    /// [`TelemetryError::Unpublishable`], such as of a body above 16 KiB, which is a 500.
    pub async fn send(&self, measured: &T) -> Result<(), TelemetryError> {
        counted(T::TYPE, self.sent(measured).await)
    }

    /// Publishes a measurement without waiting for the broker, which may be unavailable for 30
    /// seconds. If too many wait for it, some are dropped, so this is for a measurement that a
    /// later one replaces.
    pub fn send_later(&self, measured: &T) {
        let later = self.later(measured);
        tokio::spawn(async move {
            let sent = match later {
                Ok((publisher, message, turn)) => {
                    let sent = publisher.publish_now(message, LATER).await.map_err(not_sent);
                    drop(turn);
                    sent
                }
                Err(error) => Err(error),
            };
            if let Err(error) = counted(T::TYPE, sent) {
                tracing::debug!("{} was not published: {error}", T::TYPE);
            }
        });
    }

    fn later(
        &self,
        measured: &T,
    ) -> Result<(PublisherHandle, OutgoingTelemetry, OwnedSemaphorePermit), TelemetryError> {
        let publisher = self.line.publisher_of(T::TYPE)?.clone();
        let message = self.message(measured)?;
        let turn = Arc::clone(&self.line.turns).try_acquire_owned();
        Ok((publisher, message, turn.map_err(|_| TelemetryError::Busy)?))
    }

    async fn sent(&self, measured: &T) -> Result<(), TelemetryError> {
        let publisher = self.line.open(T::TYPE)?;
        let message = self.message(measured)?;
        let turn = timeout(TURN, self.line.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(TelemetryError::Busy) };
        publisher.try_publish(message, CONFIRM).await.map_err(not_sent)
    }

    fn message(&self, measured: &T) -> Result<OutgoingTelemetry, TelemetryError> {
        let body = serde_json::to_vec(measured).map_err(|why| {
            TelemetryError::Unpublishable(format!("{} cannot be encoded: {why}", T::TYPE))
        })?;
        if body.len() > MAX_BODY {
            return Err(TelemetryError::Unpublishable(format!(
                "{} would have a body of {} bytes, the limit is {MAX_BODY}",
                T::TYPE,
                body.len()
            )));
        }
        Ok(self.line.message(T::TYPE, measured.key().as_ref(), body.into()))
    }
}

fn counted(
    telemetry: TelemetryType,
    sent: Result<(), TelemetryError>,
) -> Result<(), TelemetryError> {
    let outcome = match &sent {
        Ok(()) => series::CONFIRMED,
        Err(TelemetryError::Unconfirmed(_)) => series::UNCONFIRMED,
        Err(_) => series::REFUSED,
    };
    series::published(telemetry.name(), outcome).increment(1);
    sent
}

fn not_sent(error: PublishError) -> TelemetryError {
    match error {
        PublishError::Unpublishable { reason, .. } => TelemetryError::Unpublishable(reason),
        other => TelemetryError::Unconfirmed(other.to_string()),
    }
}

impl<T> Clone for TelemetryPublisher<T> {
    fn clone(&self) -> Self {
        Self { line: Arc::clone(&self.line), telemetry: PhantomData }
    }
}

impl<T> fmt::Debug for TelemetryPublisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TelemetryPublisher").field(&self.line).finish()
    }
}
