use std::time::Duration;

use ballet_amqp::{ConnectionState, Handover, LeftBehind, PublishedBatch, PublisherSettings};
use ballet_testkit::memory::{ExchangeKind, MemoryBroker};
use ballet_testkit::wire::clients::{SOON, TestPublisher, batch, id, out, until, wait_for};
use tokio::time::Instant;

pub(crate) fn broker() -> MemoryBroker {
    let broker = MemoryBroker::new();
    broker.exchange("events", ExchangeKind::Topic);
    broker.queue("all");
    broker.bind("events", "a.#", "all");
    broker
}

fn taken(broker: &MemoryBroker) -> Vec<String> {
    broker.taken().iter().map(|message| id(&message.properties)).collect()
}

#[tokio::test(start_paused = true)]
async fn t03_a_batch_is_in_memory_until_every_message_is_confirmed() {
    let broker = broker();
    broker.hold_confirms();
    let mut publisher = TestPublisher::usual(broker.clone());
    publisher.handle.send(out(1, &["a.x"]));
    until("taken", || broker.taken_count() == 1).await;
    // The clock goes on once nothing is left to do.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(publisher.handle.waiting(), 1);
    assert!(publisher.none_published());
    broker.release_confirms();
    publisher.published().await;
    until("forgotten", || publisher.handle.waiting() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn t197_what_is_not_confirmed_for_long_is_published_over_another_connection() {
    let broker = broker();
    broker.hold_confirms();
    let settings = PublisherSettings {
        confirm_limit: Duration::from_millis(300),
        ..PublisherSettings::new("orders", "one")
    };
    let mut publisher = TestPublisher::start(broker.clone(), settings);
    publisher.handle.send(out(1, &["a.x", "a.y"]));
    until("taken twice", || broker.taken_count() == 4).await;
    // That did not help, so the next limit is longer.
    let begun = Instant::now();
    until("taken three times", || broker.taken_count() == 6).await;
    assert!(begun.elapsed() > Duration::from_millis(500), "{:?}", begun.elapsed());
    assert!(publisher.none_published());
    broker.release_confirms();
    assert_eq!(publisher.published().await.batch, batch(1));
    assert!(taken(&broker).starts_with(&["1.0", "1.1", "1.0", "1.1"].map(str::to_owned)));
    assert_eq!(broker.connections(), ["orders publish one"]);
}

#[tokio::test]
async fn t172_what_is_unconfirmed_when_the_connection_is_lost_is_published_again_in_order() {
    let broker = broker();
    broker.hold_confirms();
    let mut publisher = TestPublisher::usual(broker.clone());
    publisher.handle.send(out(1, &["a.x", "a.y"]));
    publisher.handle.send(out(2, &["a.z"]));
    until("all taken", || broker.taken_count() == 3).await;
    broker.release_confirms();
    publisher.published().await;
    publisher.published().await;

    broker.hold_confirms();
    publisher.handle.send(out(3, &["a.x", "a.y"]));
    until("all taken", || broker.taken_count() == 5).await;
    broker.unreachable(true);
    broker.drop_connections("orders publish one");
    wait_for(publisher.handle.state(), "connecting", |state| {
        matches!(state, ConnectionState::Connecting { last_error: Some(_), .. })
    })
    .await;
    publisher.handle.send(out(4, &["a.z"]));
    broker.unreachable(false);
    broker.release_confirms();
    assert_eq!(publisher.published().await.batch, batch(3));
    assert_eq!(publisher.published().await.batch, batch(4));
    assert_eq!(taken(&broker)[3..], ["3.0", "3.1", "3.0", "3.1", "4.0"]);
}

#[tokio::test]
async fn returned_and_nacked_messages_are_tried_again_and_not_reported_before() {
    let broker = broker();
    let mut publisher = TestPublisher::usual(broker.clone());
    publisher.handle.send(out(1, &["b.unbound"]));
    publisher.handle.send(out(2, &["a.x"]));
    assert_eq!(publisher.published().await.batch, batch(2));
    broker.bind("events", "b.#", "all");
    assert_eq!(publisher.published().await.batch, batch(1));

    broker.nack(2);
    publisher.handle.send(out(3, &["a.x"]));
    assert_eq!(publisher.published().await.batch, batch(3));
    assert_eq!(taken(&broker), ["2.0", "1.0", "3.0"]);
}

#[tokio::test]
async fn t148_beyond_the_bound_batches_are_spilled_and_room_is_told() {
    let broker = broker();
    broker.unreachable(true);
    let settings =
        PublisherSettings { max_in_memory: 4, ..PublisherSettings::new("orders", "one") };
    let mut publisher = TestPublisher::start(broker.clone(), settings);
    assert_eq!(publisher.handle.send(out(1, &["a.x"; 3])), Handover::Queued);
    assert_eq!(publisher.handle.send(out(2, &["a.x"; 2])), Handover::Spilled);
    assert_eq!(publisher.handle.send(out(3, &["a.x"])), Handover::Queued);
    assert_eq!(publisher.handle.waiting(), 4, "the second is dropped");
    assert!(!publisher.handle.has_room());
    broker.unreachable(false);
    publisher.published().await;
    publisher.handle.room().await;
    assert!(publisher.handle.has_room());
    publisher.published().await;
    // Larger than the bound by itself: there is no other way for it.
    until("empty", || publisher.handle.waiting() == 0).await;
    assert_eq!(publisher.handle.send(out(4, &["a.x"; 9])), Handover::Queued);
    publisher.published().await;
}

#[tokio::test]
async fn what_waits_for_a_refused_key_leaves_memory_beyond_a_bound_of_its_own() {
    let broker = broker();
    broker.refuse_key("a.x");
    let settings = PublisherSettings {
        keys: ["a.x", "a.y"].map(str::to_owned).into(),
        max_in_memory: 4,
        max_held: 2,
        ..PublisherSettings::new("orders", "one")
    };
    let mut publisher = TestPublisher::start(broker.clone(), settings);
    publisher.handle.send(out(1, &["a.x", "a.y"]));
    wait_for(publisher.handle.held(), "held", Option::is_some).await;
    for number in 2..=5 {
        assert_eq!(publisher.handle.send(out(number, &["a.x", "a.y"])), Handover::Queued);
        let PublishedBatch { batch: of, left_behind, .. } = publisher.published().await;
        let expected = LeftBehind { positions: vec![0], bytes: 3, releases: 0 };
        assert_eq!((of, left_behind), (batch(number), Some(expected)));
    }
    assert_eq!(taken(&broker), ["1.1", "2.1", "3.1", "4.1", "5.1"]);
    assert!(publisher.handle.has_room());
    assert_eq!(publisher.handle.waiting(), 2, "the first one waits");
    broker.refuse_no_key();
    let published = publisher.published().await;
    assert_eq!((published.batch, published.left_behind), (batch(1), None));
    assert_eq!(publisher.handle.releases(), 1);
}

#[tokio::test]
async fn t09_a_stop_waits_for_confirms_but_not_for_ever() {
    let broker = broker();
    let mut publisher = TestPublisher::usual(broker.clone());
    publisher.handle.send(out(1, &["a.x"; 100]));
    assert_eq!(publisher.handle.stop(SOON).await, 0);
    publisher.published().await;

    broker.hold_confirms();
    let publisher = TestPublisher::usual(broker.clone());
    publisher.handle.send(out(2, &["a.x"; 3]));
    assert_eq!(publisher.handle.stop(Duration::from_millis(300)).await, 3);
    assert_eq!(publisher.handle.send(out(3, &["a.x"])), Handover::Spilled);

    broker.unreachable(true);
    let publisher = TestPublisher::usual(broker.clone());
    publisher.handle.send(out(4, &["a.x"; 3]));
    assert_eq!(publisher.handle.stop(Duration::from_millis(300)).await, 3);
}
