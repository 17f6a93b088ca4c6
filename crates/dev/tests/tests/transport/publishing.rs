//! From a commit to the broker's confirm.

use std::collections::BTreeSet;
use std::time::Duration;

use ballet::Event;
use ballet_amqp::{AMQPValue, FieldTable, OutBatch, Publish, PublishError};
use ballet_stage::wait_until;
use ballet_testkit::health::until_ready;
use ballet_testkit::memory::{ExchangeKind, MemoryBroker};
use ballet_testkit::wire::clients::{SOON, TestPublisher, batch, id, message as small, out, until};
use futures_util::StreamExt;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use tokio::time::timeout;

use crate::scene::{
    OUTBOX, asleep, hotel_in_memory, in_queue, message, ops, rome, session, taken, trip_to_rome,
};
use crate::trip::{HotelRenamed, RoomBooked};
use crate::world::{TripWorld, the_hotel};

#[tokio::test]
async fn t01_a_message_arrives_as_it_was_published() {
    let world = asleep("as_it_was", vec![the_hotel()]).await;
    let sent = trip_to_rome(&world);
    let publisher = TestPublisher::usual(ops(&world));
    publisher.handle.publish_now(sent.clone(), SOON).await.unwrap();
    let hotel = session(world.env.amqp_url("hotel")).await;
    let mut arriving = hotel.consume("hotel", "test", 10).await.unwrap();
    let arrived = arriving.next().await.unwrap().unwrap();
    assert_eq!((arrived.properties, arrived.body), (sent.properties, sent.body.to_vec()));
    assert_eq!(arrived.routing_key, sent.routing_key);
}

#[tokio::test]
async fn t07_headers_keep_every_character_also_in_a_dead_letter() {
    let world = TripWorld::hotel("characters").await;
    let texts = ["Grüße, 世界 🎭", "\"quoted\" \\ 'and' ;,=", "tab\t line\r\n bell\u{7}"];
    let mut headers = FieldTable::default();
    for (at, text) in texts.iter().enumerate() {
        let value = AMQPValue::LongString((*text).into());
        headers.insert(format!("x-mine-{at}").into(), value);
    }
    let mut sent = message(&world, world.new_saga(), &rome());
    sent.properties = sent.properties.with_headers(headers.clone());
    sent.body = "?".into();
    let publisher = TestPublisher::usual(ops(&world));
    publisher.handle.publish_now(sent, SOON).await.unwrap();
    let hotel = session(world.env.amqp_url("hotel")).await;
    let mut dead = hotel.consume("hotel.dead", "test", 10).await.unwrap();
    let letter = dead.next().await.unwrap().unwrap();
    let kept = letter.properties.headers().clone().unwrap();
    for (name, value) in headers.inner() {
        assert_eq!(kept.inner().get(name), Some(value));
    }
}

/// A trip with a header that bears its name.
fn with_header(world: &TripWorld, value: AMQPValue) -> Publish {
    let mut headers = FieldTable::default();
    headers.insert("x-mine".into(), value);
    let mut sent = trip_to_rome(world);
    sent.properties = sent.properties.with_headers(headers);
    sent
}

#[tokio::test]
async fn a_header_that_the_broker_cannot_read_is_refused_and_its_neighbours_go_through() {
    let world = asleep("unreadable", vec![the_hotel()]).await;
    let table = |value| {
        let mut table = FieldTable::default();
        table.insert("inner".into(), value);
        AMQPValue::FieldTable(table)
    };
    let array = |value| AMQPValue::FieldArray(vec![AMQPValue::Void, value].into());
    let readable = [
        AMQPValue::Boolean(true),
        AMQPValue::ShortShortInt(-8),
        AMQPValue::ShortShortUInt(8),
        AMQPValue::ShortInt(-16),
        AMQPValue::ShortUInt(16),
        AMQPValue::LongInt(-32),
        AMQPValue::LongUInt(32),
        AMQPValue::LongLongInt(-64),
        AMQPValue::Float(-0.5),
        AMQPValue::Double(f64::MIN_POSITIVE),
        AMQPValue::Timestamp(1_763_625_600),
        AMQPValue::ByteArray(vec![0, 255].into()),
        AMQPValue::Void,
        array(table(array(AMQPValue::Double(f64::MAX)))),
    ];
    let unreadable = [
        AMQPValue::Double(f64::NAN),
        AMQPValue::Float(f32::NAN),
        AMQPValue::Double(f64::INFINITY),
        AMQPValue::Float(f32::NEG_INFINITY),
        AMQPValue::ShortString("only inside of AMQP".into()),
        table(AMQPValue::Double(f64::NAN)),
        array(AMQPValue::Float(f32::NAN)),
        array(table(array(AMQPValue::Double(f64::NAN)))),
    ];
    let mut messages: Vec<Publish> =
        readable.iter().map(|value| with_header(&world, value.clone())).collect();
    let good = messages.len();
    for (at, value) in unreadable.iter().enumerate() {
        messages.insert(2 * at, with_header(&world, value.clone()));
    }
    let mut publisher = TestPublisher::usual(ops(&world));
    publisher.handle.send(OutBatch::new(batch(1), messages));
    let refused = publisher.published().await.unpublishable;
    let places: Vec<_> = refused.iter().map(|refused| refused.position).collect();
    assert_eq!(places, [0, 2, 4, 6, 8, 10, 12, 14], "{refused:?}");
    assert!(
        refused.iter().all(|refused| refused.reason.contains("header `x-mine`")),
        "{refused:?}"
    );

    let hotel = session(world.env.amqp_url("hotel")).await;
    let mut arriving = hotel.consume("hotel", "test", 100).await.unwrap();
    let mut arrived = Vec::new();
    for _ in 0..good {
        let next = timeout(SOON, arriving.next()).await.unwrap().unwrap().unwrap();
        let headers = next.properties.headers().clone().unwrap();
        arrived.push(headers.inner()["x-mine"].clone());
    }
    assert_eq!(arrived, readable);
}

#[tokio::test]
async fn t05_an_event_that_nobody_needs_is_published_and_one_that_nobody_knows_is_kept() {
    let world = TripWorld::hotel("nobody").await;
    let mut unit = world.handle(0).unit().await.unwrap();
    unit.tx().publish(&HotelRenamed { name: "Ritz".into() }).await.unwrap();
    unit.commit().await.unwrap();
    wait_until("the event", SOON, || async {
        let seen = world.seen().await;
        let found = seen.iter().any(|m| m["routing_key"] == "hotel.hotel_renamed.v1");
        Ok::<_, String>(found.then_some(()))
    })
    .await
    .unwrap();
    world.publish_raw("hotel.typing_eror.v1", &serde_json::json!({}), "{}").await;
    // More looks than RabbitMQ 4 allows a queue that says nothing about it.
    for _ in 0..25 {
        let unrouted = in_queue(&world, "unrouted", 1).await;
        assert_eq!(unrouted[0]["routing_key"], "hotel.typing_eror.v1");
    }
}

#[tokio::test]
async fn t06_a_confirm_that_never_comes_ends_the_wait_and_publishes_again_with_the_channel() {
    let broker = MemoryBroker::new();
    broker.exchange("events", ExchangeKind::Topic);
    broker.queue("all");
    broker.bind("events", "#", "all");
    broker.hold_confirms();
    let mut publisher = TestPublisher::usual(broker.clone());
    publisher.handle.send(out(1, &["a.x"]));
    until("taken", || broker.taken_count() == 1).await;
    let moment = Duration::from_millis(50);
    let late = publisher.handle.publish_now(small("a.x", "late"), moment).await;
    assert!(matches!(late, Err(PublishError::TimedOut { .. })), "{late:?}");
    assert!(publisher.none_published() && publisher.handle.waiting() > 0);
    broker.drop_connections("publish");
    broker.release_confirms();
    assert_eq!(publisher.published().await.batch, batch(1));
    let mut ids: Vec<String> = broker.taken().iter().map(|m| id(&m.properties)).collect();
    ids.retain(|id| id == "1.0");
    assert_eq!(ids, ["1.0", "1.0"]);
}

#[tokio::test]
async fn t11_a_message_keeps_the_id_of_its_outbox_row_each_time_it_is_published() {
    let (world, broker, _hotel) = hotel_in_memory("same_id").await;
    broker.hold_confirms();
    broker.put(&trip_to_rome(&world));
    until("published", || taken::<RoomBooked>(&broker).len() == 1).await;
    let mut db = world.database("hotel").await;
    let sql = AssertSqlSafe(format!("select row.message_id::text from {OUTBOX}"));
    let (row,): (String,) = sqlx::query_as(sql).fetch_one(&mut db).await.unwrap();
    broker.drop_connections("hotel publish");
    until("published again", || taken::<RoomBooked>(&broker).len() == 2).await;
    assert_eq!(taken::<RoomBooked>(&broker), [row.clone(), row]);
}

/// A batch of a process that is gone, in which some rows were made by hand.
const SPOILT: &str = "do $do$ begin execute replace($left$
    insert into ballet.outbox_left (owner, batch, position, message_id, event_type, body, created_at)
    select 99999, 1, position, case when position <> 70 then gen_random_uuid() end,
        case position when 30 then repeat('x', 300) when 150 then 'desk.trip_booked.v1'
            else 'hotel.hotel_renamed.v1' end,
        case position when 0 then '{\"name\":' when 110 then null
            when 199 then json_build_object('name', repeat('x', 2 << 20))::text
            else '{\"name\":\"Ritz\"}' end, now()
    from generate_series(0, 199) position
    $left$, 'outbox_left', 'outbox_' || ballet.take_outbox(99999)); end $do$";

#[tokio::test]
async fn t230_outbox_rows_that_always_fail_cost_the_others_of_their_batch_nothing() {
    let world = TripWorld::hotel("spoilt").await;
    world.execute("hotel", SPOILT).await;
    wait_until("the others", SOON, || async {
        let seen = world.seen().await;
        let renamed = seen.iter().filter(|m| m["routing_key"] == HotelRenamed::TYPE.name());
        let ids: BTreeSet<String> =
            renamed.map(|m| m["properties"]["message_id"].to_string()).collect();
        if ids.len() == 194 { Ok(Some(())) } else { Err(format!("{} of 194", ids.len())) }
    })
    .await
    .unwrap();
    world.until_count("hotel", "ballet.outbox_dead", 6).await;
    let mut db = world.database("hotel").await;
    let dead: Vec<(i32, String)> =
        sqlx::query_as("select position, reason from ballet.outbox_dead order by position")
            .fetch_all(&mut db)
            .await
            .unwrap();
    let positions: Vec<i32> = dead.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, [0, 30, 70, 110, 150, 199], "{dead:?}");
    // It is counted, and its batch does not come again.
    let dead = "events that can never be published: 6";
    let is_told = |_, said: &Value| said.to_string().contains(dead);
    until_ready(world.services[0].address(), dead, is_told).await;
    let unmarked = format!(
        "{OUTBOX} and owner = 99999 and not exists (select from ballet.outbox() \
         as mark where mark.position < 0 and (mark.owner, mark.batch) = (row.owner, row.batch))"
    );
    assert_eq!(world.count("hotel", &unmarked).await, 0);
}
