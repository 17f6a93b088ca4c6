//! A reader of the journal whose broker comes and goes, with lagging replicas and streams that start again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballet_amqp::headers::STREAM_OFFSET;
use ballet_amqp::{
    AMQPValue, BasicProperties, Broker, BrokerError, Confirms, Deliveries, Delivery, FieldTable,
    Lookup, Object, Peer, Publish, Session, StreamStart,
};
use ballet_ops::stream::{JournalError, JournalItem, JournalReader, Notice, Start};
use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream;
use jiff::Timestamp;
use tokio::sync::watch;

#[derive(Debug, Clone, Copy)]
enum FoundJournal {
    EndsWith(u64),
    StartsAnew,
    /// An undeliverable message on a machine that takes twenty seconds to say so.
    SlowlyFails,
    NoBroker,
}

use FoundJournal::{EndsWith, NoBroker, SlowlyFails, StartsAnew};

#[derive(Debug)]
struct Connections(Mutex<VecDeque<FoundJournal>>);

#[derive(Debug)]
struct Journal {
    found: FoundJournal,
    peer: Peer,
}

impl Broker for Connections {
    fn connect<'a>(
        &'a self,
        _name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>> {
        let next = self.0.lock().expect("a list").pop_front().expect("one more connection");
        let (address, vhost) = ("host:5672".to_owned(), "shop".to_owned());
        let peer = Peer { address, vhost, user: "tap".to_owned() };
        let session: Result<Arc<dyn Session>, _> = match next {
            NoBroker => Err(BrokerError::Lost("it is away".to_owned())),
            found => Ok(Arc::new(Journal { found, peer })),
        };
        let takes = if matches!(next, SlowlyFails) { 20 } else { 0 };
        async move {
            tokio::time::sleep(Duration::from_secs(takes)).await;
            session
        }
        .boxed()
    }
}

impl Session for Journal {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn consume_stream<'a>(
        &'a self,
        _stream: &'a str,
        _consumer_tag: &'a str,
        _prefetch: u16,
        _start: StreamStart,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>> {
        let EndsWith(end) = self.found else {
            let error =
                BrokerError::ConnectionClosed { code: 541, text: "INTERNAL_ERROR".to_owned() };
            return ready(Err(error)).boxed();
        };
        let offset = AMQPValue::LongLongInt(end.cast_signed());
        let mut headers = FieldTable::default();
        headers.insert(STREAM_OFFSET.into(), offset);
        let delivery = Delivery {
            tag: 1,
            redelivered: false,
            exchange: "events".to_owned(),
            routing_key: "orders.order_placed.v1".to_owned(),
            properties: BasicProperties::default().with_headers(headers),
            body: b"{}".to_vec(),
        };
        ready(Ok(Box::pin(stream::iter([Ok(delivery)])) as Deliveries)).boxed()
    }

    fn cancel<'a>(&'a self, _consumer_tag: &'a str) -> BoxFuture<'a, Result<(), BrokerError>> {
        ready(Ok(())).boxed()
    }

    fn ack(&self, _tag: u64, _multiple: bool) -> BoxFuture<'_, Result<(), BrokerError>> {
        ready(Ok(())).boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn find<'a>(&'a self, _object: &'a Object) -> BoxFuture<'a, Result<Lookup, BrokerError>> {
        unreachable!("the journal is not empty")
    }

    fn consume<'a>(
        &'a self,
        _queue: &'a str,
        _consumer_tag: &'a str,
        _prefetch: u16,
    ) -> BoxFuture<'a, Result<Deliveries, BrokerError>> {
        unreachable!("the journal is a stream")
    }

    fn give_back(&self, _tag: u64) -> BoxFuture<'_, Result<(), BrokerError>> {
        unreachable!("the journal is a stream")
    }

    fn confirms(&self) -> BoxFuture<'_, Result<Confirms, BrokerError>> {
        unreachable!("it only reads")
    }

    fn publish(&self, _message: Publish) -> Result<u64, BrokerError> {
        unreachable!("it only reads")
    }

    fn blocked(&self) -> watch::Receiver<bool> {
        unreachable!("it only reads")
    }

    fn closed(&self) -> watch::Receiver<Option<BrokerError>> {
        unreachable!("a stream's end says it")
    }
}

/// Reads from offset 10 after a lost connection.
async fn read(found: Vec<FoundJournal>) -> Result<JournalItem, JournalError> {
    let connections = [EndsWith(9), NoBroker].into_iter().chain(found).collect();
    let broker = Arc::new(Connections(Mutex::new(connections)));
    let mut reader = JournalReader::open(broker, Start::Offset(10)).await.expect("a reader");
    let lost = reader.next().await.expect("a notice");
    assert!(matches!(lost, JournalItem::Notice(Notice::Lost(_))), "{lost:?}");
    reader.next().await
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_lags_before_and_after_the_broker_was_away_is_no_other_journal() {
    let away = [NoBroker; 100];
    let found = [&[EndsWith(3)][..], &away, &[EndsWith(3), EndsWith(9), EndsWith(10)]].concat();
    let read = read(found).await.expect("the same journal");
    assert!(matches!(read, JournalItem::Notice(Notice::Back)), "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_stays_shorter_is_another_one() {
    let other = read(vec![EndsWith(3); 100]).await.expect_err("another journal");
    let is_short = matches!(other, JournalError::Another { offset: 9, differs: "ends before" });
    assert!(is_short, "{other}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_passed_over_while_the_broker_starts_the_stream_anew() {
    let starts = [StartsAnew; 60];
    let again = [&starts[..], &[StartsAnew, EndsWith(9), EndsWith(10)]].concat();
    let found = [&starts[..], &[EndsWith(9)], &again].concat();
    let broker = Arc::new(Connections(Mutex::new(found.into())));
    let mut reader = JournalReader::open(broker, Start::Offset(10)).await.expect("a reader");
    let mut read = async || reader.next().await.expect("something");
    assert!(matches!(read().await, JournalItem::Notice(Notice::Lost(_))));
    assert!(matches!(read().await, JournalItem::Notice(Notice::Back)));
    let next = read().await;
    assert!(matches!(&next, JournalItem::Record(record) if record.offset == Some(10)), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_journal_with_messages_that_cannot_be_delivered_is_not_silent_on_a_slow_machine() {
    let fails = [SlowlyFails, SlowlyFails, EndsWith(0)];
    let found = [&[EndsWith(0), EndsWith(0)][..], &fails].concat();
    let broker = Arc::new(Connections(Mutex::new(found.into())));
    let begin = Start::Time(Timestamp::UNIX_EPOCH);
    let mut reader = JournalReader::open(broker, begin).await.expect("a reader");
    let next = reader.next().await.expect("something");
    assert!(matches!(&next, JournalItem::Record(record) if record.offset == Some(0)), "{next:?}");
}
