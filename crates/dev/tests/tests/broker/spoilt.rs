//! Channels and connections that end without a message being to blame.

use std::time::Duration;

use ballet_testkit::memory::{ExchangeKind, MemoryBroker};

use ballet_testkit::wire::clients::{TestPublisher, batch, out};

#[tokio::test(start_paused = true)]
async fn t51_a_message_that_always_ends_the_connection_is_found_and_the_others_go_on() {
    let broker = MemoryBroker::new();
    broker.exchange("events", ExchangeKind::Topic);
    broker.queue("all");
    broker.bind("events", "#", "all");
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
