//! Reads the journal past undeliverable messages.
//!
//! A stream accepts headers that the broker cannot write to a consumer, such as a number named `x-basic-type`. The
//! broker closes each connection that reaches such a message.

use std::sync::Arc;

use ballet_amqp::headers::{STREAM_OFFSET, integer_header};
use ballet_amqp::{Ahead, Broker, BrokerError, Deliveries, Delivery, Session, StreamStart};
use ballet_core::topology::JOURNAL;
use futures_util::StreamExt;
use tokio::task::JoinHandle;

use crate::stream::journal::error::JournalError;

/// The name of our connections.
pub const CONNECTION: &str = "ballet journal";
/// The broker's error for a message that it cannot deliver, and for its own faults.
const INTERNAL_ERROR: u16 = 541;
/// The number of connections for one message, since a broker that starts the stream anew refuses as well. RabbitMQ 3.10
/// drops a whole packet with an undeliverable message, so a few good ones before it may be passed over with it. Their
/// offsets are reported.
const ATTEMPTS: u64 = 24;
/// The maximum number of consecutive undeliverable messages. More are a fault of the broker.
const MOST_IN_A_ROW: u32 = 1_000;

/// The broker sends this many as soon as a reader comes, and holds the unread ones in memory: so many of the largest
/// are still acceptable.
const MOST_AHEAD: u16 = 128;
/// How many messages are read singly after the broker closed a connection.
const SLOW: u64 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestMode {
    /// Many at a time, limited by their total size, with few acknowledgements.
    Fast,
    /// One by one, so that the broker sends each message before one that ends the connection.
    Slow,
}

struct JournalConnection {
    session: Arc<dyn Session>,
    deliveries: Deliveries,
    pace: RequestMode,
    ack_every: u64,
    read: u64,
    /// Its acknowledgement requests more.
    to_ack: Option<u64>,
    /// Acknowledges in a separate task, because the caller may drop its future, and a repeated acknowledgement closes
    /// the channel.
    acking: Option<JoinHandle<Result<(), BrokerError>>>,
}

#[allow(clippy::large_enum_variant, reason = "nearly all are messages")]
pub(super) enum Attempt {
    Read(Delivery),
    /// No reader gets the message with this offset.
    Skipped(u64),
    /// The broker closed the connection before a message came. The next attempt goes on.
    Again,
}

/// The messages of the journal. After the error of a lost connection the next [`attempt`](Self::attempt) reconnects,
/// and continues after the last message.
pub(super) struct JournalRecords {
    broker: Arc<dyn Broker>,
    reader: Option<JournalConnection>,
    /// The start of the next connection.
    start: StreamStart,
    pace: RequestMode,
    ahead: Ahead,
    /// Whether the next connection has another prefetch.
    adjusts: bool,
    /// By this many seconds a start is earlier if the first messages cannot be delivered.
    earlier: u64,
    /// The number of consecutive connections without a message.
    attempts: u64,
    in_a_row: u32,
}

impl JournalRecords {
    /// A reader from `start`, without a connection yet.
    pub(super) fn new(broker: Arc<dyn Broker>, start: StreamStart) -> Self {
        Self {
            broker,
            reader: None,
            start,
            pace: RequestMode::Fast,
            ahead: Ahead::new(MOST_AHEAD),
            adjusts: false,
            earlier: 1,
            attempts: 0,
            in_a_row: 0,
        }
    }

    /// Waits without limit. Dropping the future loses no message.
    pub(super) async fn next(&mut self) -> Result<Delivery, JournalError> {
        loop {
            if let Attempt::Read(delivery) = self.attempt().await? {
                return Ok(delivery);
            }
        }
    }

    /// Attempts to read the next message. A time limit belongs to each attempt, since an undeliverable message takes
    /// many. Dropping the future loses no message.
    ///
    /// # Errors
    ///
    /// If the connection is lost, the broker refuses, or a thousand consecutive messages are undeliverable.
    pub(super) async fn attempt(&mut self) -> Result<Attempt, JournalError> {
        match self.read().await {
            Ok(delivery) if self.is_new(&delivery) => {
                (self.attempts, self.in_a_row) = (0, 0);
                Ok(Attempt::Read(delivery))
            }
            Ok(_) => Ok(Attempt::Again),
            Err(JournalError::Broker(error)) if is_undeliverable(&error) => {
                Ok(self.go_on(error).await?.map_or(Attempt::Again, Attempt::Skipped))
            }
            Err(error) => {
                self.reader = None;
                Err(error)
            }
        }
    }

    /// Moves the start past a message that is not before the start.
    fn is_new(&mut self, delivery: &Delivery) -> bool {
        let offset = integer_header(&delivery.properties, STREAM_OFFSET);
        let Some(offset) = offset.and_then(|offset| u64::try_from(offset).ok()) else {
            return true;
        };
        if matches!(self.start, StreamStart::Offset(start) if offset < start) {
            return false;
        }
        self.start = StreamStart::Offset(offset + 1);
        if let Some(reader) = &mut self.reader {
            reader.read += 1;
            // A new connection begins after this message.
            self.ahead.delivered(delivery.body.len(), 1);
            self.adjusts = reader.pace == RequestMode::Fast && self.ahead.adjusts();
        }
        true
    }

    /// The next message comes over a new connection.
    pub(super) async fn disconnect(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.session.close().await;
        }
    }

    async fn read(&mut self) -> Result<Delivery, JournalError> {
        let is_past =
            |reader: &JournalConnection| reader.pace == RequestMode::Slow && reader.read >= SLOW;
        let is_past = self.reader.as_ref().is_some_and(is_past);
        if is_past || self.adjusts {
            if is_past {
                self.pace = RequestMode::Fast;
            }
            self.adjusts = false;
            self.disconnect().await;
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let ahead = self.ahead.count();
                none.insert(open(&*self.broker, self.start, self.pace, ahead).await?)
            }
        };
        // Before the next delivery is taken, which is returned at once.
        if let Some(tag) = reader.to_ack.take() {
            let session = Arc::clone(&reader.session);
            reader.acking = Some(tokio::spawn(async move { session.ack(tag, true).await }));
        }
        if let Some(acking) = &mut reader.acking {
            // If the connection has ended, the next delivery has the error.
            acking.await.ok();
            reader.acking = None;
        }
        let next = reader.deliveries.next().await;
        let delivery = next.ok_or_else(|| BrokerError::Lost("the journal ended".to_owned()))??;
        if delivery.tag.is_multiple_of(reader.ack_every) {
            reader.to_ack = Some(delivery.tag);
        }
        Ok(delivery)
    }

    /// Decides where to begin again after a closed connection. Returns the offset of a message now known to be
    /// undeliverable.
    async fn go_on(&mut self, error: BrokerError) -> Result<Option<u64>, JournalError> {
        let got_some = self.reader.as_ref().is_some_and(|reader| reader.read > 0);
        self.disconnect().await;
        self.pace = RequestMode::Slow;
        if got_some {
            return Ok(None);
        }
        match self.start {
            // A read of the end stops there.
            StreamStart::Last => return Err(error.into()),
            StreamStart::Time(0) => self.start = StreamStart::Offset(0),
            // The offset is known after the first message.
            StreamStart::Time(second) => {
                self.takes_readers().await?;
                self.start = StreamStart::Time(second.saturating_sub(self.earlier));
                self.earlier *= 2;
            }
            StreamStart::Offset(offset) => {
                self.attempts += 1;
                if self.attempts > ATTEMPTS {
                    return self.skip(offset, error);
                }
                if self.attempts == ATTEMPTS {
                    // A last attempt follows, and all attempts again if the check gets no answer.
                    self.attempts = 0;
                    self.takes_readers().await?;
                    self.attempts = ATTEMPTS;
                }
            }
        }
        Ok(None)
    }

    async fn takes_readers(&mut self) -> Result<(), BrokerError> {
        if takes_readers(&*self.broker).await? { Ok(()) } else { Err(starts_anew()) }
    }

    fn skip(&mut self, offset: u64, error: BrokerError) -> Result<Option<u64>, JournalError> {
        self.start = StreamStart::Offset(offset + 1);
        self.attempts = 0;
        self.in_a_row += 1;
        if self.in_a_row < MOST_IN_A_ROW {
            Ok(Some(offset))
        } else {
            Err(JournalError::Undeliverable { count: self.in_a_row, last: offset, error })
        }
    }
}

async fn open(
    broker: &dyn Broker,
    start: StreamStart,
    pace: RequestMode,
    ahead: u16,
) -> Result<JournalConnection, BrokerError> {
    let prefetch = match pace {
        RequestMode::Fast => ahead,
        RequestMode::Slow => 1,
    };
    let session = broker.connect(CONNECTION).await?;
    let deliveries = session.consume_stream(JOURNAL, CONNECTION, prefetch, start).await?;
    let ack_every = u64::from(prefetch / 4).max(1);
    Ok(JournalConnection {
        session,
        deliveries,
        pace,
        ack_every,
        read: 0,
        to_ack: None,
        acking: None,
    })
}

/// Whether the broker lets anybody read. While a stream's writer restarts, with its node or leader or because RabbitMQ
/// 3.10 lost a file of another, deleted stream, the broker closes connections as at an undeliverable message.
pub(super) async fn takes_readers(broker: &dyn Broker) -> Result<bool, BrokerError> {
    let session = broker.connect(CONNECTION).await?;
    // Nothing is delivered since a time in the future.
    let later = StreamStart::Time(u32::MAX.into());
    let consumed = session.consume_stream(JOURNAL, CONNECTION, 1, later).await;
    session.close().await;
    match consumed {
        Ok(_) => Ok(true),
        Err(error) if is_undeliverable(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The error for a stream that does not start in time.
pub(super) fn starts_anew() -> BrokerError {
    BrokerError::Lost("the broker is just starting the journal, and lets nobody read".to_owned())
}

/// Whether the broker closed the connection because it could not deliver a message, or for a fault of its own.
#[must_use]
pub fn is_undeliverable(error: &BrokerError) -> bool {
    matches!(error, BrokerError::ConnectionClosed { code: INTERNAL_ERROR, .. })
}

impl std::fmt::Debug for JournalRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalRecords").field("start", &self.start).finish_non_exhaustive()
    }
}
