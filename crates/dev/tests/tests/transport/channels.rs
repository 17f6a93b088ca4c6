//! A channel that dies alone, on the real broker.

use std::sync::{Arc, Mutex};

use ballet_amqp::{Broker, BrokerError, ConsumerSettings, RabbitMq, Session};
use ballet_stage::QueueDepth;
use ballet_testkit::wire::clients::{SOON, TestConsumer};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::scene::{asleep, trips_published};
use crate::world::{TripWorld, the_hotel};

/// The real broker, of whose sessions the test keeps the last in hand.
#[derive(Debug)]
struct InHand {
    broker: RabbitMq,
    last: Arc<Mutex<Option<Arc<dyn Session>>>>,
}

impl Broker for InHand {
    fn connect<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>> {
        async move {
            let session = self.broker.connect(name).await?;
            *self.last.lock().unwrap() = Some(Arc::clone(&session));
            Ok(session)
        }
        .boxed()
    }
}

async fn until_depth(world: &TripWorld, ready: u64, unacked: u64) {
    let is = |depth: QueueDepth| (depth.ready, depth.unacked) == (ready, unacked);
    world.env.management().until_depth("hotel", SOON, is).await.unwrap();
}

#[tokio::test]
async fn t137_t138_a_dead_channel_is_rebuilt_and_its_receipts_settle_nothing() {
    let world = asleep("channel", vec![the_hotel()]).await;
    trips_published(&world, 3).await;
    let last = Arc::default();
    let broker = RabbitMq::new(world.env.amqp_url("hotel")).unwrap();
    let broker = InHand { broker, last: Arc::clone(&last) };
    let mut consumer = TestConsumer::start(broker, ConsumerSettings::new("hotel", "one"));
    let old = consumer.take(3).await;
    let session = last.lock().unwrap().clone().unwrap();
    // The broker closes the channel over a tag that it never gave out.
    session.ack(4711, false).await.ok();
    let new = consumer.take(3).await;
    let ids = |taken: &[(String, _)]| taken.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&new), ids(&old));
    old.into_iter().for_each(|(_, receipt)| receipt.settle());
    // All of them come back, as none was settled.
    consumer.handle.pause();
    until_depth(&world, 3, 0).await;
    consumer.handle.resume();
    for (id, _) in new {
        let (again, receipt) = consumer.next().await;
        assert_eq!(again, id);
        receipt.settle();
    }
    until_depth(&world, 0, 0).await;
}
