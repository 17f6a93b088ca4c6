//! Headers of every AMQP type, and those that route a message past its publisher's rights.

use std::time::{Duration, Instant};

use ballet_amqp::headers::ORIGINAL_HEADERS;
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};
use ballet_testkit::wire::raw_amqp::{self, Property, RawMessage, long, short};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::scene::{in_queue, rome, session};
use crate::trip::{GUIDE_TABLES, RoomBooked, guide};
use crate::world::{TripWorld, part, the_hotel};

/// Generous for a busy machine. Before, it took minutes or never came.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A value of each type, as RabbitMQ encodes it.
fn every_type() -> Vec<(&'static str, Vec<u8>)> {
    let tagged = |tag: u8, bytes: &[u8]| [&[tag], bytes].concat();
    let mut table = short(b"a");
    table.extend(tagged(b'I', &[0, 0, 0, 1]));
    vec![
        ("bool", tagged(b't', &[1])),
        ("i8", tagged(b'b', &[0xff])),
        ("u8", tagged(b'B', &[0xff])),
        ("i16", tagged(b's', &[0xff; 2])),
        ("u16", tagged(b'u', &[0xff; 2])),
        ("i32", tagged(b'I', &[0xff; 4])),
        ("u32", tagged(b'i', &[0xff; 4])),
        ("i64", tagged(b'l', &[0x80, 0, 0, 0, 0, 0, 0, 0])),
        ("float", tagged(b'f', &1.5_f32.to_be_bytes())),
        ("double", tagged(b'd', &1.5_f64.to_be_bytes())),
        ("decimal", tagged(b'D', &[2, 0, 0, 0x04, 0xd2])),
        ("text", tagged(b'S', &long("\u{e4}".as_bytes()))),
        ("no text", tagged(b'S', &long(b"\xff\xfe\0"))),
        ("bytes", tagged(b'x', &long(&[0, 0xff]))),
        ("timestamp", tagged(b'T', &[0xff; 8])),
        ("void", tagged(b'V', &[])),
        ("array", tagged(b'A', &long(&[]))),
        ("table", tagged(b'F', &long(&table))),
    ]
}

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

#[tokio::test]
async fn t173_a_header_of_any_type_is_kept_once_and_stops_nobody() {
    let world = TripWorld::hotel("every_type").await;
    let mut tables = Vec::new();
    for (name, value) in every_type() {
        let plain = [&short(name.as_bytes())[..], &value].concat();
        let array = [&short(name.as_bytes())[..], b"A", &long(&value)].concat();
        let entry = [&short(b"a")[..], &value].concat();
        let table = [&short(name.as_bytes())[..], b"F", &long(&entry)].concat();
        tables.extend([plain, array, table]);
    }
    let url = world.env.ops_amqp_url().to_owned();
    let count = tables.len();
    tokio::task::spawn_blocking(move || {
        let each: Vec<_> = tables.iter().map(|table| [(Property::Headers, &table[..])]).collect();
        let raw = |properties| RawMessage { queue: "hotel", properties, body: b"?" };
        let messages: Vec<_> = each.iter().map(|properties| raw(properties)).collect();
        raw_amqp::publish(&url, &messages);
    })
    .await
    .unwrap();
    goes_on(&world).await;
    let dead = in_queue(&world, "hotel.dead", count).await;
    let odd: Vec<_> =
        dead.iter().filter(|dead| !header(dead, ORIGINAL_HEADERS).is_null()).collect();
    assert_eq!(odd.len(), 1, "{odd:?}");
    assert_eq!(header(odd[0], ORIGINAL_HEADERS), "decimal");
    assert_eq!(header(odd[0], "x-dead-reason"), "unkept_header");
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
