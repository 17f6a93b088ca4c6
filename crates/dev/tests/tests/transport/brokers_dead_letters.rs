//! Foreign messages that crash the broker's own dead-lettering never reach it.

use ballet_amqp::headers::ORIGINAL_HEADERS;
use ballet_amqp::{AMQPValue, BasicProperties, FieldArray, FieldTable, Publish};
use futures_util::StreamExt;

use crate::scene::{asleep, in_queue, message, rome, session};
use crate::trip::RoomBooked;
use crate::world::{TripWorld, the_hotel};

/// Dead-lettering fails on these headers, in some version.
fn crashing() -> Vec<FieldTable> {
    let one = |name: &str, value| {
        let mut headers = FieldTable::default();
        headers.insert(name.into(), value);
        headers
    };
    let text = |text: &str| AMQPValue::LongString(text.into());
    let deaths = |deaths: Vec<AMQPValue>| one("x-death", AMQPValue::FieldArray(deaths.into()));
    let mut odd_count = FieldTable::default();
    odd_count.insert("queue".into(), text("hotel"));
    odd_count.insert("reason".into(), text("expired"));
    odd_count.insert("count".into(), text("many"));
    let price = lapin::types::DecimalValue { scale: 2, value: 999 };
    vec![
        deaths(vec![text("no table")]),
        deaths(vec![AMQPValue::FieldTable(odd_count)]),
        one("price", AMQPValue::DecimalValue(price)),
    ]
}

async fn publish(world: &TripWorld, properties: &BasicProperties) {
    for (exchange, key) in [("events", "desk.trip_booked.v1"), ("", "hotel")] {
        let session = session(world.env.ops_amqp_url()).await;
        let mut confirms = session.confirms().await.unwrap();
        let mut trip = message(world, world.new_saga(), &rome());
        trip.properties = properties
            .clone()
            .with_delivery_mode(2)
            .with_type("desk.trip_booked.v1".into())
            .with_message_id(world.new_id().into())
            .with_correlation_id(world.new_saga().to_string().into());
        session
            .publish(Publish { exchange: exchange.into(), routing_key: key.into(), ..trip })
            .unwrap();
        // A confirm, or an error from the journal.
        let _answer = confirms.next().await.unwrap();
        session.close().await;
    }
}

async fn retries_come_back(world: &TripWorld) {
    let session = session(world.env.amqp_url("hotel")).await;
    let mut confirms = session.confirms().await.unwrap();
    let saga = world.new_saga();
    let mut trip = message(world, saga, &rome());
    trip.properties = trip.properties.with_type("desk.trip_booked.v1".into());
    (trip.exchange, trip.routing_key) = ("retry.5s".to_owned(), "hotel".to_owned());
    session.publish(trip).unwrap();
    confirms.next().await.unwrap().unwrap();
    session.close().await;
    world.event::<RoomBooked>(saga).await;
}

/// Where this fails, the broker may dead-letter nothing any more.
#[tokio::test]
async fn t175_foreign_headers_never_reach_the_brokers_dead_lettering_nor_a_copy() {
    let mut world = asleep("no_deaths", vec![the_hotel()]).await;
    for headers in crashing() {
        let expiring = BasicProperties::default().with_headers(headers.clone());
        publish(&world, &expiring.with_expiration("1".into())).await;
    }
    in_queue(&world, "hotel", 0).await;
    for headers in crashing() {
        publish(&world, &BasicProperties::default().with_headers(headers)).await;
    }
    world.start(the_hotel()).await;
    retries_come_back(&world).await;
    // What did not expire is there: the decimals as dead letters, the others handled.
    world.until_count("hotel", "room", 5).await;
    for dead in in_queue(&world, "hotel.dead", 2).await {
        assert!(dead["properties"]["headers"][ORIGINAL_HEADERS].is_string(), "{dead}");
    }

    // A failing handler's copies lack the headers, and name them.
    let mut headers = crashing().remove(0);
    for name in ["x-first-death-reason", "x-delay", "x-stream-filter-value", "x-opt-deaths"] {
        headers.insert(name.into(), AMQPValue::LongString("forged".into()));
    }
    headers.insert("x-tenant".into(), AMQPValue::FieldArray(FieldArray::default()));
    let session = session(world.env.ops_amqp_url()).await;
    let mut confirms = session.confirms().await.unwrap();
    let mut trip = message(&world, world.new_saga(), &rome());
    trip.properties = trip.properties.with_headers(headers);
    trip.body = "{}".into();
    session.publish(trip).unwrap();
    confirms.next().await.unwrap().unwrap();
    session.close().await;
    let dead = in_queue(&world, "hotel.dead", 3).await;
    let dead = dead.iter().find(|dead| dead["payload"] == "{}").unwrap();
    let headers = dead["properties"]["headers"].as_object().unwrap();
    // The count is of this look.
    let ours = ["x-dead-", "x-attempts", "x-delivery-count"];
    let is_ours = |name: &&String| ours.iter().any(|prefix| name.starts_with(prefix));
    let foreign: Vec<_> = headers.keys().filter(|name| !is_ours(name)).collect();
    assert_eq!(foreign, [ORIGINAL_HEADERS, "x-tenant"]);
    let left_out = headers[ORIGINAL_HEADERS].as_str().unwrap();
    assert!(left_out.starts_with("x-death, x-delay, "), "{left_out}");
    assert_eq!(left_out.split(", ").count(), 5, "{left_out}");
}
