//! A reader's start in its stream: it finds the place where it stopped, a gap, or other messages than it has read.

use std::time::Duration;

use ballet_amqp::{Broker, BrokerError, Deliveries, Delivery, Object, Session, StreamStart};
use ballet_store::telemetry::places::HeldStream;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use crate::telemetry::reading::batch::{fingerprint_of, offset_of};

/// How long the first message may take. The one before the place, if it is there, comes at once.
const FIRST: Duration = Duration::from_secs(2);
/// A pause after which no more comes of what was written together.
const QUIET: Duration = Duration::from_millis(700);
/// The time for which a stream that is silent, but counts messages, is looked at again.
const SLOW: Duration = Duration::from_secs(15);
/// More than the broker writes together.
const TOGETHER: u16 = 10_000;

pub(super) struct OpenedStream {
    pub(super) deliveries: Deliveries,
    pub(super) found: ResumePoint,
}

pub(super) enum ResumePoint {
    /// Nothing to compare with. It reads what comes.
    Begin,
    /// The message before is there, and it goes on behind this delivery.
    Same { tag: u64 },
    /// The messages before are gone. This is the first that is left.
    Later(Box<Delivery>),
    /// Its messages are others, or fewer: the stream was made again, or has lost its newest ones.
    Other,
}

pub(super) async fn open(
    session: &dyn Session,
    broker: &dyn Broker,
    queue: &str,
    held: &HeldStream,
    prefetch: u16,
) -> Result<OpenedStream, BrokerError> {
    let at = |offset: i64| StreamStart::Offset(u64::try_from(offset).unwrap_or_default());
    let start = match (held.next, held.last_seen, held.begins_at) {
        // The message before the place shows whether it is the same stream.
        (Some(next), Some(_), _) => at(next - 1),
        (Some(next), None, _) => at(next),
        (None, _, Some(seconds)) => {
            let looks = broker.connect(&format!("{queue} end")).await?;
            let since = MessagesSince::find(&*looks, queue, seconds).await;
            looks.close().await;
            since?.start
        }
        (None, _, None) => at(0),
    };
    let mut deliveries = session.consume_stream(queue, queue, prefetch, start).await?;
    let (Some(next), Some(last_seen)) = (held.next, held.last_seen) else {
        return Ok(OpenedStream { deliveries, found: ResumePoint::Begin });
    };
    loop {
        match timeout(FIRST, deliveries.next()).await {
            Ok(Some(first)) => {
                let found = judge(first?, next, last_seen);
                return Ok(OpenedStream { deliveries, found });
            }
            Ok(None) => return Err(BrokerError::Lost("the consumer was cancelled".to_owned())),
            Err(_) => {
                // The broker has nothing at this place, or is slow. Two looks have to agree.
                let looks = [newest(broker, queue).await?, newest(broker, queue).await?];
                if looks.iter().all(|newest| newest.is_some_and(|newest| newest < next - 1)) {
                    return Ok(OpenedStream { deliveries, found: ResumePoint::Other });
                }
            }
        }
    }
}

fn judge(first: Delivery, next: i64, last_seen: i64) -> ResumePoint {
    match offset_of(&first) {
        Some(offset) if offset == next - 1 && fingerprint_of(&first) == last_seen => {
            ResumePoint::Same { tag: first.tag }
        }
        Some(offset) if offset >= next => ResumePoint::Later(Box::new(first)),
        _ => ResumePoint::Other,
    }
}

async fn newest(broker: &dyn Broker, queue: &str) -> Result<Option<i64>, BrokerError> {
    let session = broker.connect(&format!("{queue} end")).await?;
    let opened = session.consume_stream(queue, "end", TOGETHER, StreamStart::Last).await;
    let mut newest = None;
    if let Ok(mut deliveries) = opened {
        while let Ok(Some(Ok(delivery))) = timeout(QUIET, deliveries.next()).await {
            newest = newest.max(offset_of(&delivery));
        }
    }
    session.close().await;
    Ok(newest)
}

pub(super) struct MessagesSince {
    /// The place to begin at. The reader passes over older messages.
    pub(super) start: StreamStart,
    /// The offset of about the last message. `None` if there is none.
    pub(super) end: Option<i64>,
}

impl MessagesSince {
    /// Looks on a channel of its own.
    pub(super) async fn find(
        connection: &dyn Session,
        queue: &str,
        since: i64,
    ) -> Result<Self, BrokerError> {
        let last = about_the_last(connection, queue).await?;
        Ok(Self::behind_message(last.as_ref(), since))
    }

    /// Like `find`, for a caller that treats silence as an empty stream. A broker that is only slow
    /// delivers nothing, but still counts the messages.
    pub(super) async fn find_surely(
        connection: &dyn Session,
        queue: &str,
        since: i64,
    ) -> Result<Self, BrokerError> {
        let until = Instant::now() + SLOW;
        let object = Object::Queue(queue.to_owned());
        loop {
            let last = about_the_last(connection, queue).await?;
            if last.is_some()
                || Instant::now() >= until
                || connection.find(&object).await?.messages().is_none_or(|count| count == 0)
            {
                return Ok(Self::behind_message(last.as_ref(), since));
            }
        }
    }

    /// The start behind the message with which the stream ends.
    pub(super) fn behind_message(last: Option<&Delivery>, since: i64) -> Self {
        let published_at = last.and_then(|last| *last.properties.timestamp());
        Self::behind(last.and_then(offset_of), published_at, since)
    }

    /// If no message is as young, reading begins at what is there. Asked by the time, the broker
    /// would pass over a message that comes in that moment.
    fn behind(last: Option<i64>, published_at: Option<u64>, since: i64) -> Self {
        let Some(offset) = last else { return Self { start: StreamStart::Offset(0), end: None } };
        // A message without a time may be young.
        if published_at.is_none_or(|at| i64::try_from(at).is_ok_and(|at| at >= since)) {
            let start = StreamStart::Time(u64::try_from(since).unwrap_or_default());
            return Self { start, end: last };
        }
        let start = StreamStart::Offset(u64::try_from(offset).unwrap_or_default());
        Self { start, end: None }
    }
}

/// The first of the messages that were written together last. `None` if there is none. It looks on
/// a channel of its own, so that several may look at a time on one connection, and a missing stream
/// ends its own channel alone.
pub(super) async fn about_the_last(
    connection: &dyn Session,
    queue: &str,
) -> Result<Option<Delivery>, BrokerError> {
    let channel = connection.channel().await?;
    let last = the_last(&*channel, queue).await;
    channel.close().await;
    last
}

async fn the_last(channel: &dyn Session, queue: &str) -> Result<Option<Delivery>, BrokerError> {
    let mut deliveries = channel.consume_stream(queue, queue, 1, StreamStart::Last).await?;
    let first = timeout(QUIET, deliveries.next()).await;
    channel.cancel(queue).await?;
    let Ok(Some(first)) = first else { return Ok(None) };
    let first = first?;
    channel.ack(first.tag, false).await?;
    Ok(Some(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_as_young_reading_begins_at_what_is_there() {
        let since = |last, published_at| {
            let MessagesSince { start, end } = MessagesSince::behind(last, published_at, 1_000);
            (start, end)
        };
        assert_eq!(since(None, None), (StreamStart::Offset(0), None));
        assert_eq!(since(Some(7), Some(999)), (StreamStart::Offset(7), None));
        assert_eq!(since(Some(7), Some(1_000)), (StreamStart::Time(1_000), Some(7)));
        assert_eq!(since(Some(7), None), (StreamStart::Time(1_000), Some(7)));
    }
}
