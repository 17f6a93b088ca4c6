//! Sends messages with several unconfirmed at a time, over any number of connections.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use ballet_amqp::{
    Backoff, BasicProperties, Broker, BrokerError, Confirms, MessageConfirm, Publish,
    PublishOutcome, Session,
};
use futures_util::StreamExt;

use crate::stream::record::Record;

/// The maximum number of unconfirmed messages.
const IN_FLIGHT: usize = 1_000;
const CONNECTION: &str = "ballet replay";

/// Why the sending ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The broker cannot be reached, or refuses.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The user may not publish.
    #[error(
        "the broker does not take `{event_type}`: {reason}; the user needs the right to write to \
         exchange `events` with every routing key, as the user `ops` has"
    )]
    Refused {
        /// The type of one of the messages in flight.
        event_type: String,
        /// The broker's text.
        reason: String,
    },
    /// A queue is full, or none is bound.
    #[error("the broker does not take `{event_type}`: {reason}")]
    NotTaken {
        /// The message's type.
        event_type: String,
        /// The reason.
        reason: String,
    },
}

struct SenderLink {
    session: Arc<dyn Session>,
    confirms: Confirms,
    first: u64,
}

struct UnconfirmedMessage {
    message: Publish,
    confirmed: bool,
}

/// Sends messages in order. After a lost connection it repeats the unconfirmed ones, so a message may arrive twice,
/// under the same id.
pub struct Sender {
    broker: Arc<dyn Broker>,
    link: Option<SenderLink>,
    backoff: Backoff,
    flight: VecDeque<UnconfirmedMessage>,
    confirmed: u64,
}

impl Sender {
    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// If the broker cannot be reached.
    pub async fn open(broker: Arc<dyn Broker>) -> Result<Self, SendError> {
        let link = Some(connect(&*broker).await?);
        let (backoff, flight) = (Backoff::default(), VecDeque::new());
        Ok(Self { broker, link, backoff, flight, confirmed: 0 })
    }

    /// Returns the number of messages before the first unconfirmed one.
    #[must_use]
    pub fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// Whether messages are unconfirmed.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.flight.is_empty()
    }

    /// Sends a message. It waits while too many are unconfirmed.
    ///
    /// # Errors
    ///
    /// If the broker refuses a message.
    pub async fn send(&mut self, message: Publish) -> Result<(), SendError> {
        while self.flight.len() >= IN_FLIGHT {
            self.wait().await?;
        }
        if let Some(link) = &self.link
            && let Err(error) = link.session.publish(message.clone())
        {
            self.handle_loss(error)?;
        }
        self.flight.push_back(UnconfirmedMessage { message, confirmed: false });
        Ok(())
    }

    /// Waits until every message is confirmed, and closes the connection.
    ///
    /// # Errors
    ///
    /// If the broker refuses a message.
    pub async fn finish(&mut self) -> Result<(), SendError> {
        while !self.flight.is_empty() {
            self.wait().await?;
        }
        if let Some(link) = self.link.take() {
            link.session.close().await;
        }
        Ok(())
    }

    /// Waits for confirms, or for a new connection. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// If the broker refuses a message.
    pub async fn wait(&mut self) -> Result<(), SendError> {
        let Some(link) = &mut self.link else { return self.connect_again().await };
        match link.confirms.next().await {
            Some(Ok(confirmed)) => {
                self.backoff.reset();
                for answer in confirmed {
                    self.take(answer)?;
                }
                Ok(())
            }
            Some(Err(error)) => self.handle_loss(error),
            None => self.handle_loss(BrokerError::Lost("the channel ended".to_owned())),
        }
    }

    async fn connect_again(&mut self) -> Result<(), SendError> {
        tokio::time::sleep(self.backoff.wait()).await;
        match connect(&*self.broker).await {
            Ok(link) => {
                // Messages confirmed after a gap are sent again, since the numbers follow each other.
                for UnconfirmedMessage { message, confirmed } in &mut self.flight {
                    *confirmed = false;
                    if let Err(error) = link.session.publish(message.clone()) {
                        return self.handle_loss(error);
                    }
                }
                self.link = Some(link);
                Ok(())
            }
            Err(error) => self.handle_loss(error),
        }
    }

    /// Fails if a new connection would not help.
    fn handle_loss(&mut self, error: BrokerError) -> Result<(), SendError> {
        self.link = None;
        match error {
            error if error.is_loss() => Ok(()),
            BrokerError::ChannelClosed { code: 403, text } => {
                let first = self.flight.iter().find(|first| !first.confirmed);
                let event_type = first.map(|first| first.message.routing_key.clone());
                let event_type = event_type.unwrap_or_default();
                Err(SendError::Refused { event_type, reason: text })
            }
            error => Err(error.into()),
        }
    }

    fn take(
        &mut self,
        MessageConfirm { number, outcome }: MessageConfirm,
    ) -> Result<(), SendError> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let at = number.checked_sub(link.first).and_then(|at| usize::try_from(at).ok());
        let Some(found) = at.and_then(|at| self.flight.get_mut(at)) else { return Ok(()) };
        let not_taken = |reason: String| {
            let event_type = found.message.routing_key.clone();
            Err(SendError::NotTaken { event_type, reason })
        };
        match outcome {
            PublishOutcome::Ack => found.confirmed = true,
            PublishOutcome::Nack => return not_taken("a queue is full".to_owned()),
            PublishOutcome::Returned { code, text } => return not_taken(format!("{code} {text}")),
        }
        while self.flight.front().is_some_and(|first| first.confirmed) {
            self.flight.pop_front();
            link.first += 1;
            self.confirmed += 1;
        }
        Ok(())
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("confirmed", &self.confirmed).finish_non_exhaustive()
    }
}

async fn connect(broker: &dyn Broker) -> Result<SenderLink, BrokerError> {
    let session = broker.connect(CONNECTION).await?;
    let confirms = session.confirms().await?;
    Ok(SenderLink { session, confirms, first: 1 })
}

/// Returns the record as published, without `user_id`, which the broker refuses for another user, and the obsolete
/// `cluster_id`.
#[must_use]
pub fn to_publish(record: Record) -> Publish {
    let properties = match record.properties.user_id() {
        Some(_) => without_user(&record.properties),
        None => record.properties,
    };
    Publish {
        exchange: record.exchange,
        routing_key: record.routing_key,
        mandatory: true,
        properties,
        body: record.body.into(),
    }
}

fn without_user(from: &BasicProperties) -> BasicProperties {
    let mut kept = BasicProperties::default();
    macro_rules! keep {
        ($($get:ident => $with:ident),+ $(,)?) => {$(
            if let Some(value) = from.$get().clone() {
                kept = kept.$with(value);
            }
        )+};
    }
    keep!(
        content_type => with_content_type,
        content_encoding => with_content_encoding,
        headers => with_headers,
        delivery_mode => with_delivery_mode,
        priority => with_priority,
        correlation_id => with_correlation_id,
        reply_to => with_reply_to,
        expiration => with_expiration,
        message_id => with_message_id,
        timestamp => with_timestamp,
        kind => with_type,
        app_id => with_app_id,
        cluster_id => with_cluster_id,
    );
    kept
}
