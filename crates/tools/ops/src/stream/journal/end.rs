//! The journal's first and last message. A stream's count of messages is seconds old.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Broker, BrokerError, Deliveries, Object, Session, StreamStart};
use ballet_core::topology::JOURNAL;
use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout};

use crate::stream::journal::error::{JournalError, refused};
use crate::stream::journal::records::{CONNECTION, is_undeliverable, starts_anew, takes_readers};
use crate::stream::record::Record;

pub(super) const FIRST_LIMIT: Duration = Duration::from_secs(30);
/// After this time a stream that counts no messages is empty. The count is up to five seconds old.
const EMPTY_LIMIT: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(500);
const WHOLE_CHUNK: u16 = u16::MAX;

/// Returns the oldest message of the journal, or `None` if it is empty.
///
/// # Errors
///
/// If the broker does not answer or refuses.
pub async fn oldest(broker: &dyn Broker) -> Result<Option<Record>, JournalError> {
    let session = broker.connect(CONNECTION).await?;
    let oldest = async {
        let mut deliveries = consume(&*session, StreamStart::Offset(0), 1).await?;
        first(&*session, &mut deliveries).await
    };
    let oldest = oldest.await;
    session.close().await;
    oldest
}

/// Returns the offset of the journal's last message, or `None` if it is empty.
///
/// # Errors
///
/// If the broker does not answer or refuses, or cannot deliver the last messages.
pub async fn end(broker: &Arc<dyn Broker>) -> Result<Option<u64>, JournalError> {
    Ok(last(broker).await?.and_then(|last| last.offset))
}

pub(super) async fn last(broker: &Arc<dyn Broker>) -> Result<Option<Record>, JournalError> {
    let until = Instant::now() + FIRST_LIMIT;
    let mut takes_readers_now = false;
    loop {
        match read_last(&**broker).await {
            Err(JournalError::Broker(error)) if is_undeliverable(&error) => {}
            last => return last,
        }
        if takes_readers_now {
            return Err(JournalError::NoEnd);
        }
        takes_readers_now = takes_readers(&**broker).await?;
        if !takes_readers_now {
            if Instant::now() >= until {
                return Err(starts_anew().into());
            }
            sleep(PAUSE).await;
        }
    }
}

async fn read_last(broker: &dyn Broker) -> Result<Option<Record>, JournalError> {
    let session = broker.connect(CONNECTION).await?;
    let last = async {
        let mut deliveries = consume(&*session, StreamStart::Last, WHOLE_CHUNK).await?;
        let Some(mut last) = first(&*session, &mut deliveries).await? else { return Ok(None) };
        // The broker sends all messages at once, before its answer to this.
        session.cancel(CONNECTION).await?;
        while let Some(delivery) = deliveries.next().await {
            last = Record::from(delivery?);
        }
        Ok(Some(last))
    };
    let last = last.await;
    session.close().await;
    last
}

pub(super) async fn consume(
    session: &dyn Session,
    start: StreamStart,
    prefetch: u16,
) -> Result<Deliveries, JournalError> {
    let deliveries = session.consume_stream(JOURNAL, CONNECTION, prefetch, start).await;
    deliveries.map_err(|error| refused(error, &session.peer().vhost))
}

/// Returns `None` if the stream is empty.
async fn first(
    session: &dyn Session,
    deliveries: &mut Deliveries,
) -> Result<Option<Record>, JournalError> {
    let mut limit = EMPTY_LIMIT;
    loop {
        if let Ok(next) = timeout(limit, deliveries.next()).await {
            let ended = || BrokerError::Lost("the journal ended".to_owned());
            return Ok(Some(Record::from(next.ok_or_else(ended)??)));
        }
        let journal = Object::Queue(JOURNAL.to_owned());
        let messages = session.find(&journal).await?.messages();
        // Without the right to count, this waits for the full limit.
        if messages == Some(0) || (messages.is_none() && limit == FIRST_LIMIT) {
            return Ok(None);
        }
        if limit == FIRST_LIMIT {
            let silent = "the journal has messages, but the broker delivers none".to_owned();
            return Err(BrokerError::Lost(silent).into());
        }
        limit = FIRST_LIMIT;
    }
}
