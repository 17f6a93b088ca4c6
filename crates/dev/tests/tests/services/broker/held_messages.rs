//! Messages that the broker does not take or confirm hold up no others.

use ballet_amqp::{Handover, PublishError, PublisherSettings};
use std::time::Duration;

use crate::broker::publisher::broker;
use ballet_testkit::wire::clients::{SOON, TestPublisher, batch, message, out, until};

#[tokio::test(start_paused = true)]
async fn what_one_queue_does_not_confirm_holds_up_nothing_else() {
    let broker = broker();
    broker.hold_confirms_of("a.x");
    let settings = PublisherSettings {
        window: 4,
        max_in_memory: 6,
        max_held: 2,
        ..PublisherSettings::new("orders", "one")
    };
    let mut publisher = TestPublisher::start(broker.clone(), settings);
    for number in 1..=4 {
        assert_eq!(publisher.handle.send(out(number, &["a.x"])), Handover::Queued);
    }
    until("taken", || broker.taken_count() == 4).await;
    assert_eq!(publisher.handle.send(out(5, &["a.y"])), Handover::Queued);
    let mut left_behind = Vec::new();
    while !left_behind.contains(&(5, false)) {
        let published = publisher.published().await;
        left_behind.push((published.batch.number, published.left_behind.is_some()));
    }
    assert_eq!(left_behind, [(3, true), (4, true), (5, false)]);
    // Hours later.
    for number in 6..=100 {
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(publisher.handle.send(out(number, &["a.y"])), Handover::Queued);
        assert_eq!(publisher.published().await.batch, batch(number));
    }
    let of_x = broker.taken().iter().filter(|message| message.routing_key == "a.x").count();
    assert!(of_x > 10, "one is tried now and then");
    assert_eq!(*publisher.handle.held().borrow(), None, "no right and no exchange is missing");
    broker.release_confirms();
    assert_eq!(publisher.published().await.batch, batch(1));
    assert_eq!(publisher.published().await.batch, batch(2));
    assert_eq!(publisher.handle.releases(), 1);
}

#[tokio::test]
async fn a_copy_is_not_taken_during_an_alarm_and_events_wait() {
    let broker = broker();
    let mut publisher = TestPublisher::usual(broker.clone());
    publisher.ready().await;
    broker.block(true);
    publisher.handle.send(out(1, &["a.x"]));
    let refused = publisher.handle.try_publish(message("a.y", "copy"), SOON).await;
    assert!(matches!(refused, Err(PublishError::NotTaken { .. })), "{refused:?}");
    broker.block(false);
    publisher.published().await;
    assert_eq!(broker.taken_count(), 1, "the copy has another place");
}
