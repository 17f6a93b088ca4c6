//! From a commit to the broker's confirm.

use ballet_amqp::{AMQPValue, FieldTable};
use ballet_stage::wait_until;
use ballet_testkit::wire::clients::{SOON, TestPublisher, id};
use futures_util::StreamExt;

use crate::scene::{asleep, in_journal, in_queue, message, ops, rome, session, trip_to_rome};
use crate::trip::HotelRenamed;
use crate::world::{TripWorld, the_hotel};

#[tokio::test]
async fn t01_t16_t168_a_message_arrives_as_it_was_published_and_a_late_reader_of_the_journal_sees_it()
 {
    let world = asleep("as_it_was", vec![the_hotel()]).await;
    let sent = trip_to_rome(&world);
    let publisher = TestPublisher::usual(ops(&world));
    publisher.handle.publish_now(sent.clone(), SOON).await.unwrap();
    let hotel = session(world.env.amqp_url("hotel")).await;
    let mut arriving = hotel.consume("hotel", "test", 10).await.unwrap();
    let arrived = arriving.next().await.unwrap().unwrap();
    let mut published = vec![id(&sent.properties)];
    assert_eq!((arrived.properties, arrived.body), (sent.properties, sent.body.to_vec()));
    assert_eq!(arrived.routing_key, sent.routing_key);
    for _ in 0..4 {
        published.push(world.publish(world.new_saga(), &rome()).await);
    }
    assert_eq!(in_journal(&world, 5).await, published);
}

#[tokio::test]
async fn t05_t07_headers_keep_every_character_and_an_event_that_nobody_knows_is_kept() {
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

    // Also an event that nobody needs.
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
    // Above RabbitMQ 4's limit for a queue without one of its own.
    for _ in 0..25 {
        let unrouted = in_queue(&world, "unrouted", 1).await;
        assert_eq!(unrouted[0]["routing_key"], "hotel.typing_eror.v1");
    }
}
