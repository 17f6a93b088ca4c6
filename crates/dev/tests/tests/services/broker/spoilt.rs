//! Channels and connections that end without a message being to blame.

use std::time::Duration;

use ballet_amqp::Broker;
use ballet_testkit::memory::{ExchangeKind, MemoryBroker};

use ballet_testkit::wire::clients::{TestPublisher, batch, message, out};

fn broker() -> MemoryBroker {
    let broker = MemoryBroker::new();
    broker.exchange("events", ExchangeKind::Topic);
    broker.queue("all");
    broker.bind("events", "#", "all");
    broker
}

/// The exploration of orders counts on it: no delivery is acknowledged twice, also where the first time was lost.
#[tokio::test]
async fn an_acknowledgement_that_is_lost_seems_done_and_a_second_one_is_counted_as_wrong() {
    let broker = broker();
    for id in ["1", "2"] {
        broker.put(&message("a.x", id));
    }
    let session = broker.connect("test").await.unwrap();
    let _deliveries = session.consume("all", "all", 10).await.unwrap();
    broker.lose_next_acks(1);
    session.ack(1, false).await.unwrap();
    assert_eq!((broker.unacked("all"), broker.unsettled("all")), (2, 1));
    session.ack(2, false).await.unwrap();
    assert_eq!((broker.unacked("all"), broker.unsettled("all"), broker.wrong_acks()), (1, 0, 0));
    session.ack(1, false).await.unwrap_err();
    assert_eq!(broker.wrong_acks(), 1, "it was acknowledged before");
    // The mistake ends the session, and what was lost comes back.
    assert_eq!((broker.ready("all").len(), broker.unsettled("all")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn t51_a_message_that_always_ends_the_connection_is_found_and_the_others_go_on() {
    let broker = broker();
    broker.spoil_key("a.poison");
    let mut publisher = TestPublisher::usual(broker.clone());
    publisher.ready().await;
    publisher.handle.send(out(1, &["a.x", "a.poison", "a.y"]));
    // Others that the broker takes in between show that the connection is good.
    for number in 2.. {
        publisher.handle.send(out(number, &["a.x"]));
        let published = publisher.published().await;
        if published.batch == batch(1) {
            assert_eq!(published.unpublishable[0].position, 1);
            assert!(number > 5, "it took {number} batches");
            return;
        }
        assert_eq!(published.unpublishable, vec![]);
        // The clock of this test stands still, unless somebody waits for it.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
