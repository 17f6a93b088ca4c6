//! The parts that the tests of this binary share.

use std::sync::Arc;

use ballet::{Event, Participant, Running, SagaId, Service, Settings};
use ballet_amqp::{
    AMQPValue, BasicProperties, Broker, FieldTable, OutBatch, Publish, RabbitMq, Session,
};
use ballet_stage::wait_until;
use ballet_testkit::wire::clients::{TestPublisher, batch, id};
use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::{Connection, ConnectionProperties};

use crate::trip::TripBooked;
use crate::world::{LONG, SOON, TripWorld, WorldPart};

pub(crate) const OUTBOX: &str = "ballet.outbox() as row where row.position >= 0";

/// Nobody runs; the queues and all tables exist.
pub(crate) async fn asleep(name: &str, parts: Vec<WorldPart>) -> TripWorld {
    TripWorld::prepared(name, parts).await
}

pub(crate) fn settings(world: &TripWorld, service: &str) -> Settings {
    Settings::new(world.env.amqp_url(service), world.env.database_url(service))
}

pub(crate) async fn start(participant: Participant, settings: Settings) -> Running {
    Service::new(participant).start(settings).await.unwrap()
}

pub(crate) async fn session(url: &str) -> Arc<dyn Session> {
    let broker = RabbitMq::new(url).unwrap();
    // An attempt has a limit, which a busy machine may miss.
    wait_until("a session", SOON, || async { broker.connect("test").await.map(Some) })
        .await
        .unwrap()
}

/// The operator may publish anything.
pub(crate) fn ops(world: &TripWorld) -> RabbitMq {
    RabbitMq::new(world.env.ops_amqp_url()).unwrap()
}

pub(crate) fn message<E: Event>(world: &TripWorld, saga: SagaId, event: &E) -> Publish {
    Publish {
        exchange: "events".to_owned(),
        routing_key: E::TYPE.name().to_owned(),
        mandatory: true,
        properties: BasicProperties::default()
            .with_message_id(world.new_id().into())
            .with_correlation_id(saga.to_string().into())
            .with_delivery_mode(2),
        body: serde_json::to_vec(event).unwrap().into(),
    }
}

pub(crate) fn rome() -> TripBooked {
    TripBooked { city: "Rome".into() }
}

pub(crate) fn trip_to_rome(world: &TripWorld) -> Publish {
    message(world, world.new_saga(), &rome())
}

pub(crate) async fn trips_published(world: &TripWorld, count: usize) {
    let mut publisher = TestPublisher::usual(ops(world));
    let trips = (0..count).map(|_| trip_to_rome(world));
    publisher.handle.send(OutBatch::new(batch(1), trips));
    assert_eq!(tokio::time::timeout(LONG, publisher.any()).await.unwrap().unpublishable, []);
}

pub(crate) async fn in_queue(
    world: &TripWorld,
    queue: &str,
    count: usize,
) -> Vec<serde_json::Value> {
    wait_until(queue, SOON, || async {
        let found = world.env.management().peek(queue, 1000).await.map_err(|e| e.to_string())?;
        if found.len() == count { Ok(Some(found)) } else { Err(format!("{found:?}")) }
    })
    .await
    .unwrap()
}

/// Waits for so many, and returns the ids of the first ones.
pub(crate) async fn in_journal(world: &TripWorld, count: usize) -> Vec<String> {
    let url = world.env.amqp_url("tap");
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.basic_qos(100, BasicQosOptions::default()).await.unwrap();
    let mut first = FieldTable::default();
    first.insert("x-stream-offset".into(), AMQPValue::LongString("first".into()));
    let options = BasicConsumeOptions::default();
    let reader = channel.basic_consume("journal".into(), "late".into(), options, first).await;
    let read = reader.unwrap().take(count).map(|next| id(&next.unwrap().properties));
    tokio::time::timeout(SOON, read.collect()).await.unwrap()
}
