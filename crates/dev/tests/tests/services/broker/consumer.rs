use ballet_amqp::{ConnectionState, Consumer, ConsumerSettings, StopResult};
use ballet_testkit::memory::{ExchangeKind, MemoryBroker, QueueOptions};
use ballet_testkit::wire::clients::{Notes, SOON, TestConsumer, id, message, until, wait_for};
use std::sync::Arc;
use std::time::Duration;

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
