//! Many messages: how many at a time, to whom, in which order.

use ballet::{Failure, Migration, Tx};
use ballet_amqp::{ConsumerSettings, OutBatch, RabbitMq};
use ballet_stage::{QueueDepth, wait_until};
use ballet_testkit::wire::clients::{SOON, TestConsumer, TestPublisher, batch};

use crate::scene::{asleep, message, ops, rome, start, trips_published};
use crate::trip::{CarRented, DESK_TABLES, TripBooked, desk};
use crate::world::{LONG, TripWorld, part, the_hotel};

fn consumer(world: &TripWorld, service: &str, instance: &str, prefetch: u16) -> TestConsumer {
    let broker = RabbitMq::new(world.env.amqp_url(service)).unwrap();
    TestConsumer::start(
        broker,
        ConsumerSettings { prefetch, ..ConsumerSettings::new(service, instance) },
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_t132_thousands_of_messages_from_before_the_start_are_handled() {
    let mut world = asleep("waiting", vec![the_hotel()]).await;
    trips_published(&world, 2000).await;
    world.start(the_hotel()).await;
    world.until_count("hotel", "room", 2000).await;
    assert_eq!(world.count("hotel", "ballet.inbox").await, 2000);
}

#[tokio::test]
async fn t13_no_more_is_unacknowledged_than_the_prefetch_allows() {
    let world = asleep("prefetch", vec![the_hotel()]).await;
    trips_published(&world, 40).await;
    let mut slow = consumer(&world, "hotel", "slow", 7);
    // The first is a probe.
    slow.next().await.1.settle();
    let _held = slow.take(7).await;
    let as_allowed = |depth: QueueDepth| (depth.unacked, depth.ready) == (7, 32);
    world.env.management().until_depth("hotel", SOON, as_allowed).await.unwrap();
    assert!(slow.try_next().is_err());
}

const EFFECTS: &[Migration] = &[Migration {
    name: "0001_effect",
    sql: "create table effect (at bigserial, saga_id uuid not null, what text not null)",
}];

async fn effect(tx: &mut Tx<'_>, what: &str) -> Result<(), Failure> {
    let saga = tx.saga_id().map(|saga| saga.0);
    sqlx::query("insert into effect (saga_id, what) values ($1, $2)")
        .bind(saga)
        .bind(what)
        .execute(tx.db())
        .await?;
    Ok(())
}

#[ballet::service("notary")]
impl Notary {
    #[projects]
    async fn slow(tx: &mut Tx<'_>, _: TripBooked) -> Result<(), Failure> {
        sqlx::query("select pg_sleep(0.1)").execute(tx.db()).await?;
        effect(tx, "slow").await
    }

    #[projects]
    async fn fast(tx: &mut Tx<'_>, _: CarRented) -> Result<(), Failure> {
        effect(tx, "fast").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t57_effects_of_one_saga_appear_in_the_order_of_publishing() {
    let world = asleep("in_order", vec![part(Notary::participant(), EFFECTS)]).await;
    // Several lanes, so that order is kept by key and not by chance; a transaction each.
    let mut settings = crate::scene::settings(&world, "notary");
    (settings.lanes, settings.batch) = (4, 1);
    let _notary = start(Notary::participant(), settings).await;
    let mut publisher = TestPublisher::usual(ops(&world));
    let mut messages = Vec::new();
    for _ in 0..12 {
        let saga = world.new_saga();
        messages.push(message(&world, saga, &rome()));
        messages.push(message(&world, saga, &CarRented { car: "red".into() }));
    }
    publisher.handle.send(OutBatch::new(batch(1), messages));
    publisher.published().await;
    world.until_count("notary", "effect", 24).await;
    let wrong = "(select from effect s join effect f using (saga_id) \
                 where s.what = 'slow' and f.what = 'fast' and s.at > f.at) as wrong";
    assert_eq!(world.count("notary", wrong).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t58_a_burst_reaches_the_broker_in_the_order_of_commits() {
    let world = TripWorld::new("burst", vec![part(desk(), DESK_TABLES)]).await;
    let mut committed = Vec::new();
    for _ in 0..300 {
        committed.push(world.begin(0).await.to_string());
    }
    let seen = wait_until("the burst", LONG, || async {
        let seen = world.seen().await;
        if seen.len() >= 300 { Ok(Some(seen)) } else { Err(format!("{} of 300", seen.len())) }
    })
    .await
    .unwrap();
    let published: Vec<_> =
        seen.iter().map(|m| m["properties"]["correlation_id"].as_str().unwrap()).collect();
    assert_eq!(published, committed);
}
