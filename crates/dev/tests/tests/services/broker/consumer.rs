use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{
    ConnectionState, Consumer, ConsumerSettings, ExpectedObjects, PublisherSettings, StopResult,
};
use ballet_testkit::memory::{ExchangeKind, MemoryBroker, QueueOptions};
use ballet_testkit::wire::clients::{
    Notes, SOON, TestConsumer, TestPublisher, batch, id, message, out, until, wait_for,
};

const MOMENT: Duration = Duration::from_millis(50);

fn broker(messages: usize) -> MemoryBroker {
    let broker = MemoryBroker::new();
    broker.exchange("events", ExchangeKind::Topic);
    broker.exchange("dead", ExchangeKind::Topic);
    broker.queue("orders.dead");
    broker.bind("dead", "orders", "orders.dead");
    let dead_letter = Some(("dead".to_owned(), "orders".to_owned()));
    broker.queue_with("orders", QueueOptions { delivery_limit: Some(20), dead_letter });
    broker.bind("events", "#", "orders");
    for number in 0..messages {
        broker.put(&message("a.x", &number.to_string()));
    }
    broker
}

fn ids(taken: &[(String, ballet_amqp::Receipt)]) -> Vec<&str> {
    taken.iter().map(|(id, _)| id.as_str()).collect()
}

/// The clock stands still, so no unsettled delivery holds others back.
#[tokio::test(start_paused = true)]
async fn settled_deliveries_are_acknowledged_up_to_the_first_gap() {
    let broker = broker(3);
    let mut consumer = TestConsumer::usual(broker.clone());
    let mut taken = consumer.take(3).await;
    assert_eq!(ids(&taken), ["0", "1", "2"]);
    taken.pop().unwrap().1.settle();
    let first = taken.remove(0);
    first.1.settle();
    until("the first is acknowledged", || broker.unacked("orders") == 2).await;
    tokio::time::sleep(MOMENT).await;
    assert_eq!(broker.unacked("orders"), 2);
    taken.pop().unwrap().1.settle();
    until("all are acknowledged", || broker.unacked("orders") == 0).await;
    assert!(broker.ready("orders").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_ack_waits_for_others_but_not_for_long_and_not_for_many() {
    let broker = broker(4);
    let mut settings = ConsumerSettings::new("orders", "one");
    settings.prefetch = 8;
    let mut consumer = TestConsumer::start(broker.clone(), settings);
    let mut taken = consumer.take(4).await;
    let mut settle = |count| taken.drain(..count).for_each(|(_, receipt)| receipt.settle());
    settle(1);
    // The runtime's clock stands still, and jumps to whatever is due next.
    tokio::time::sleep(Duration::from_millis(8)).await;
    assert_eq!(broker.unacked("orders"), 4, "acknowledged at once");
    tokio::time::sleep(Duration::from_millis(4)).await;
    assert_eq!(broker.unacked("orders"), 3, "not yet acknowledged");
    // A quarter of what the broker may send ahead.
    settle(2);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(broker.unacked("orders"), 1, "the broker may run out of messages to send");
    settle(1);
    consumer.handle.stop(SOON).await;
    assert_eq!(broker.unacked("orders"), 0);
    assert!(broker.ready("orders").is_empty(), "not acknowledged before the end");
}

#[tokio::test]
async fn t75_a_dropped_receipt_brings_the_message_again() {
    let broker = broker(1);
    let mut consumer = TestConsumer::usual(broker.clone());
    drop(consumer.next().await);
    let (id, receipt) = consumer.next().await;
    assert_eq!(id, "0");
    receipt.settle();
    until("done", || broker.unacked("orders") == 0).await;
    broker.put(&message("a.x", "1"));
    consumer.next().await.1.settle();
    until("done", || broker.unacked("orders") == 0).await;
    // The ack after a message was given back did not cost the channel.
    assert_eq!(broker.connections(), ["orders consume one"]);
    assert!(consumer.handle.state().borrow().is_ready());
}

#[tokio::test]
async fn what_is_given_back_comes_again_though_a_later_one_is_settled() {
    let broker = broker(2);
    let mut consumer = TestConsumer::usual(broker.clone());
    let mut both = consumer.take(2).await;
    let (second, first) = (both.pop().unwrap(), both.pop().unwrap());
    // At once, so that one ack and one give-back are sent together. The ack covers both tags.
    drop(first);
    second.1.settle();
    let (id, receipt) = consumer.next().await;
    assert_eq!(id, "0");
    receipt.settle();
    until("done", || broker.unacked("orders") == 0).await;
    assert_eq!(broker.connections(), ["orders consume one"]);
}

#[tokio::test(start_paused = true)]
async fn t138_receipts_of_a_lost_connection_do_nothing_on_the_next() {
    let broker = broker(2);
    let mut consumer = TestConsumer::usual(broker.clone());
    let old = consumer.take(2).await;
    broker.drop_connections("orders consume one");
    let new = consumer.take(2).await;
    assert_eq!(ids(&new), ["0", "1"]);
    old.into_iter().for_each(|(_, receipt)| receipt.settle());
    tokio::time::sleep(MOMENT).await;
    assert_eq!(broker.unacked("orders"), 2);
    new.into_iter().for_each(|(_, receipt)| receipt.settle());
    until("all are acknowledged", || broker.unacked("orders") == 0).await;
}

#[tokio::test]
async fn t137_t139_a_consumer_that_the_broker_cancels_comes_back() {
    let broker = broker(1);
    let mut consumer = TestConsumer::usual(broker.clone());
    consumer.next().await.1.settle();
    until("acknowledged", || broker.unacked("orders") == 0).await;
    broker.cancel_consumers("orders");
    broker.put(&message("a.x", "after"));
    assert_eq!(consumer.next().await.0, "after");
}

#[tokio::test]
async fn t146_a_broker_that_is_away_is_waited_for_and_named() {
    let broker = broker(1);
    broker.unreachable(true);
    let mut consumer = TestConsumer::usual(broker.clone());
    wait_for(consumer.handle.state(), "connecting", |state| match state {
        ConnectionState::Connecting { last_error: Some(error), .. } => {
            error.to_string().contains("cannot be reached")
        }
        _ => false,
    })
    .await;
    broker.unreachable(false);
    consumer.next().await.1.settle();
}

#[tokio::test]
async fn a_missing_queue_is_named() {
    let broker = broker(0);
    let mut settings = ConsumerSettings::new("orders", "one");
    settings.queue = "payments".to_owned();
    let consumer = TestConsumer::start(broker.clone(), settings);
    wait_for(consumer.handle.state(), "naming what is missing", |state| match state {
        ConnectionState::Connecting { last_error: Some(error), .. } => {
            error.to_string().contains("queue `payments` is missing in vhost `memory`")
        }
        _ => false,
    })
    .await;
    broker.queue("payments");
    consumer.ready().await;
}

#[tokio::test]
async fn without_what_is_only_expected_it_consumes_all_the_same() {
    let settings = ConsumerSettings::new("orders", "one");
    let expected = ExpectedObjects::new().queue("orders.nowhere");
    let mut consumer = TestConsumer::start(broker(1), ConsumerSettings { expected, ..settings });
    consumer.next().await.1.settle();
}

#[tokio::test(start_paused = true)]
async fn while_paused_others_get_the_messages() {
    let broker = broker(3);
    let mut one = TestConsumer::usual(broker.clone());
    let held = one.take(3).await;
    one.handle.pause();
    wait_for(one.handle.state(), "paused", |state| *state == ConnectionState::Paused).await;
    let mut two = TestConsumer::start(broker.clone(), ConsumerSettings::new("orders", "two"));
    let taken = two.take(3).await;
    assert_eq!(ids(&taken), ["0", "1", "2"]);
    held.into_iter().for_each(|(_, receipt)| receipt.settle());
    taken.into_iter().for_each(|(_, receipt)| receipt.settle());
    until("all are acknowledged", || broker.unacked("orders") == 0).await;
    two.handle.stop(SOON).await;
    one.nothing_for(MOMENT).await;
    one.handle.resume();
    broker.put(&message("a.x", "again"));
    assert_eq!(one.next().await.0, "again");
}

#[tokio::test(start_paused = true)]
async fn t140_a_stop_waits_for_what_is_in_hand_and_takes_nothing_more() {
    let broker = broker(2);
    let mut consumer = TestConsumer::usual(broker.clone());
    let taken = consumer.take(2).await;
    let settle = async {
        tokio::time::sleep(MOMENT).await;
        broker.put(&message("a.x", "late"));
        tokio::time::sleep(MOMENT).await;
        taken.into_iter().for_each(|(_, receipt)| receipt.settle());
    };
    let (drained, ()) = tokio::join!(consumer.handle.stop(SOON), settle);
    assert_eq!(drained, StopResult { unsettled: 0 });
    assert_eq!(broker.unacked("orders"), 0);
    let left: Vec<_> = broker.ready("orders").iter().map(|left| id(&left.properties)).collect();
    assert_eq!(left, ["late"]);
    assert_eq!(*consumer.handle.state().borrow(), ConnectionState::Stopped);
}

#[tokio::test]
async fn t141_a_stop_does_not_wait_for_ever_and_keeps_what_was_settled() {
    let broker = broker(2);
    let mut consumer = TestConsumer::usual(broker.clone());
    let mut taken = consumer.take(2).await;
    taken.remove(0).1.settle();
    assert_eq!(consumer.handle.stop(MOMENT).await, StopResult { unsettled: 1 });
    assert_eq!(broker.ready("orders").len(), 1);
}

#[tokio::test]
async fn stopping_without_a_broker_is_quick() {
    let broker = broker(0);
    broker.unreachable(true);
    let consumer = TestConsumer::usual(broker);
    tokio::time::sleep(MOMENT).await;
    tokio::time::timeout(SOON / 2, consumer.handle.stop(SOON)).await.unwrap();
}

#[tokio::test]
async fn what_was_sent_ahead_of_the_first_message_is_handed_on() {
    let broker = broker(4);
    broker.send_ahead(10);
    let mut consumer = TestConsumer::usual(broker.clone());
    // The first is handed on with a prefetch of 1, and the others are already on their way.
    let taken = consumer.take(4).await;
    assert_eq!(ids(&taken), ["0", "1", "2", "3"]);
    taken.into_iter().for_each(|(_, receipt)| receipt.settle());
    until("all are acknowledged", || broker.unacked("orders") == 0).await;
}

/// One poison and 500 good messages make one dead letter.
#[tokio::test(start_paused = true)]
async fn a_message_that_kills_the_process_takes_no_other_with_it() {
    let broker = broker(40);
    broker.put(&message("a.x", "poison"));
    for number in 40..80 {
        broker.put(&message("a.x", &number.to_string()));
    }
    let handled = Notes::default();
    let mut lives = 0;
    while broker.ready("orders.dead").is_empty() {
        lives += 1;
        assert!(lives < 100, "the poison never died; handled {:?}", handled.lock().unwrap());
        live_until_poison(&broker, &handled, lives == 1).await;
    }
    let dead: Vec<_> =
        broker.ready("orders.dead").iter().map(|dead| id(&dead.properties)).collect();
    assert_eq!(dead, ["poison"]);
    let mut last = TestConsumer::usual(broker.clone());
    until("all are handled", || {
        while let Ok((id, receipt)) = last.try_next() {
            handled.lock().unwrap().push(id);
            receipt.settle();
        }
        broker.ready("orders").is_empty() && broker.unacked("orders") == 0
    })
    .await;
    let mut handled = handled.lock().unwrap().clone();
    handled.sort();
    handled.dedup();
    assert_eq!(handled.len(), 80);
    wait_for(last.handle.cautious(), "at ease", |cautious| !cautious).await;
}

/// Handles in batches, or one by one when cautious. Dies on the poison before the batch is committed.
async fn live_until_poison(broker: &MemoryBroker, handled: &Notes, first: bool) {
    let (sender, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let sink = Arc::new(move |arrival| sender.send(arrival).unwrap_or(()));
    let settings = ConsumerSettings { prefetch: 30, ..ConsumerSettings::new("orders", "one") };
    let consumer = Consumer::start(Arc::new(broker.clone()), settings, sink);
    let mut died = false;
    while !died {
        let mut batch = Vec::new();
        let wait = tokio::time::timeout(MOMENT, arrivals.recv_many(&mut batch, 10));
        if wait.await.is_err() {
            break;
        }
        died = batch.iter().any(|one| id(&one.delivery.properties) == "poison");
        // The first time everything in hand is lost.
        if died || first {
            died = true;
            broker.drop_connections("orders consume");
        } else {
            for one in batch {
                handled.lock().unwrap().push(id(&one.delivery.properties));
                one.receipt.settle();
            }
        }
    }
    consumer.stop(Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn while_cautious_messages_come_one_by_one() {
    let broker = broker(3);
    for _ in 0..2 {
        let mut dying = TestConsumer::usual(broker.clone());
        let _in_hand = dying.take(3).await;
        dying.handle.pause();
        wait_for(dying.handle.state(), "paused", |state| *state == ConnectionState::Paused).await;
    }
    broker.put(&message("a.x", "fresh 1"));
    broker.put(&message("a.x", "fresh 2"));
    let mut consumer = TestConsumer::usual(broker.clone());
    for expected in ["0", "1", "2"] {
        let (id, receipt) = consumer.next().await;
        assert_eq!(id, expected);
        assert!(*consumer.handle.cautious().borrow());
        consumer.nothing_for(MOMENT).await;
        receipt.settle();
    }
    let fresh = consumer.take(2).await;
    assert_eq!(ids(&fresh), ["fresh 1", "fresh 2"]);
    assert!(!*consumer.handle.cautious().borrow());
}

#[tokio::test]
async fn big_messages_are_sent_ahead_by_their_size_and_come_once_and_in_order() {
    let broker = broker(0);
    let put = |number: usize, bytes: usize| {
        let mut message = message("a.x", &number.to_string());
        message.body = vec![b'a'; bytes].into();
        broker.put(&message);
    };
    (0..100).for_each(|number| put(number, 4 * 1024 * 1024));
    (100..300).for_each(|number| put(number, 10));
    let mut consumer = TestConsumer::usual(broker.clone());
    let mut most = 0;
    for expected in 0..300 {
        let (id, receipt) = consumer.next().await;
        assert_eq!(id, expected.to_string());
        most = most.max(if expected < 40 { broker.unacked("orders") } else { 0 });
        receipt.settle();
    }
    // The messages on their way when the number changes, and 16 of 4 MiB.
    assert!(most <= 40, "{most} messages of 4 MiB were in hand");
    until("all are acknowledged", || broker.unacked("orders") == 0).await;
}

#[tokio::test]
async fn t201_a_service_that_may_see_nothing_of_what_it_needs_works() {
    let broker = broker(0);
    for name in ["events", "orders", "orders.dead"] {
        broker.hide(name);
    }
    let expected = ExpectedObjects::new().exchange("events").queue("orders.dead");
    let watched = vec!["orders".to_owned(), "orders.dead".to_owned()];
    let settings = ConsumerSettings { watched, ..ConsumerSettings::new("orders", "one") };
    let settings = ConsumerSettings { expected: expected.clone(), ..settings };
    let mut consumer = TestConsumer::start(broker.clone(), settings);
    let settings = PublisherSettings { expected, ..PublisherSettings::new("orders", "one") };
    let mut publisher = TestPublisher::start(broker, settings);
    publisher.handle.send(out(1, &["orders.x"]));
    assert_eq!(publisher.published().await.batch, batch(1));
    let (_, receipt) = consumer.next().await;
    receipt.settle();
    assert!(consumer.handle.lengths().borrow().is_empty(), "what is hidden has no length");
}

#[tokio::test]
async fn the_lengths_of_watched_queues_are_told_while_there_is_a_connection() {
    let broker = broker(0);
    for number in 0..3 {
        let mut dead = message("orders", &number.to_string());
        dead.exchange = "dead".to_owned();
        broker.put(&dead);
    }
    let watched = ["orders", "orders.dead", "nowhere"].map(str::to_owned).to_vec();
    let settings = ConsumerSettings { watched, ..ConsumerSettings::new("orders", "one") };
    let consumer = TestConsumer::start(broker.clone(), settings);
    let lengths = || consumer.handle.lengths();
    wait_for(lengths(), "lengths", |lengths| !lengths.is_empty()).await;
    let told: Vec<_> = lengths().borrow().clone().into_iter().collect();
    assert_eq!(told, [("orders".to_owned(), 0), ("orders.dead".to_owned(), 3)]);
    broker.unreachable(true);
    broker.drop_connections("orders consume");
    wait_for(lengths(), "nothing that is out of date", |lengths| lengths.is_empty()).await;
}
