//! Headers of every AMQP type, and those that route a message past its publisher's rights.

use std::time::{Duration, Instant};

use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::scene::{in_queue, rome, session};
use crate::trip::{GUIDE_TABLES, RoomBooked, guide};
use crate::world::{TripWorld, part, the_hotel};

/// Generous for a busy machine. Before, it took minutes or never came.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A good message is handled at once, and then nothing is left in the queue.
async fn goes_on(world: &TripWorld) {
    let (saga, begun) = (world.new_saga(), Instant::now());
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    world.until_empty("hotel").await;
}

fn header<'a>(dead: &'a Value, name: &str) -> &'a Value {
    &dead["properties"]["headers"][name]
}

fn headers(name: &str, value: AMQPValue) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(name.into(), value);
    BasicProperties::default().with_headers(headers)
}

/// A stream refuses a decimal, after the queues have got the message.
#[tokio::test]
async fn t173_what_the_journal_cannot_keep_is_refused_by_the_service() {
    let world = TripWorld::hotel("unkept").await;
    let decimal = lapin::types::DecimalValue { scale: 2, value: 999 };
    for (name, value) in [
        ("price", AMQPValue::DecimalValue(decimal)),
        ("x-basic-type", AMQPValue::LongString("forged".into())),
    ] {
        let session = session(world.env.ops_amqp_url()).await;
        let mut confirms = session.confirms().await.unwrap();
        let properties = headers(name, value)
            .with_message_id(world.new_id().into())
            .with_correlation_id(world.new_saga().to_string().into());
        session
            .publish(Publish {
                exchange: "events".to_owned(),
                routing_key: "desk.trip_booked.v1".to_owned(),
                mandatory: true,
                properties,
                body: r#"{"city":"Rome"}"#.into(),
            })
            .unwrap();
        // The producer hears that something was wrong, or a confirm.
        let _answer = confirms.next().await.unwrap();
        session.close().await;
    }
    goes_on(&world).await;
    let dead = in_queue(&world, "hotel.dead", 2).await;
    for dead in &dead {
        assert_eq!(header(dead, "x-dead-reason"), "unkept_header");
        assert_eq!(dead["payload"], r#"{"city":"Rome"}"#);
    }
    let detail = header(&dead[0], "x-dead-detail").as_str().unwrap();
    assert!(detail.contains("\"price\"") && detail.contains("decimal"), "{detail}");
    assert_eq!(world.count("hotel", "room").await, 1);
}

#[tokio::test]
async fn t174_what_comes_by_cc_or_bcc_is_refused_and_stops_nobody() {
    let parts = vec![the_hotel(), part(guide(), GUIDE_TABLES)];
    let world = TripWorld::new("carbon_copy", parts).await;
    for field in ["CC", "BCC"] {
        let properties = json!({"message_id": world.new_id(), "correlation_id": world.new_id(),
            "headers": {field: ["hotel.hotel_renamed.v1", "hotel", "retry.5s", "journal", "#"]}});
        let body = r#"{"city":"Rome","name":"forged"}"#;
        world.publish_raw("desk.trip_booked.v1", &properties, body).await;
    }
    goes_on(&world).await;
    // The hotel may have what came by its own key, but not with `CC`.
    let dead = in_queue(&world, "hotel.dead", 1).await;
    assert_eq!(header(&dead[0], "x-dead-reason"), "carbon_copy");
    let dead = in_queue(&world, "guide.dead", 2).await;
    assert_eq!(header(&dead[0], "x-dead-reason"), "carbon_copy");
    assert_eq!(header(&dead[1], "x-dead-reason"), "unknown_type");
    assert_eq!(world.count("guide", "hotel_name").await, 0);
    assert_eq!(world.count("hotel", "room").await, 2);
}
