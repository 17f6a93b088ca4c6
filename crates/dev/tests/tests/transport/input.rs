//! Messages from outside, good and bad.

use ballet::{Event, EventType, Failure, Migration, Projection, Settings, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::scene::{OUTBOX, asleep, in_journal, in_queue, rome, settings, start};
use crate::trip::{
    DESK_TABLES, GUIDE_TABLES, HotelRenamed, RoomBooked, TripWanted, Trouble, desk, guide, hotel,
};
use crate::world::{TripWorld, part, the_hotel};

#[tokio::test]
async fn t08_an_event_that_expires_stays_in_the_journal_and_stops_nobody() {
    let mut world = asleep("expires", vec![the_hotel()]).await;
    let id = world.new_id();
    let trip = |expiration: &str, saga: String| json!({"correlation_id": saga, "expiration": expiration, "message_id": id});
    let key = "desk.trip_booked.v1";
    let expired = trip("1", world.new_saga().to_string());
    world.publish_raw(key, &expired, r#"{"city":"Rome"}"#).await;
    in_queue(&world, "hotel", 0).await;
    assert_eq!(in_journal(&world, 1).await, std::slice::from_ref(&id));

    world.start(the_hotel()).await;
    let saga = world.new_saga();
    world.publish_raw(key, &trip("60000", saga.to_string()), r#"{"city":"Rome"}"#).await;
    world.event::<RoomBooked>(saga).await;
    assert_eq!(world.count("hotel", "room").await, 1);
    let seen = world.seen().await;
    let booked = seen.iter().find(|m| m["routing_key"] == RoomBooked::TYPE.name()).unwrap();
    assert!(booked["properties"]["expiration"].is_null(), "our own events never expire");
}

#[tokio::test]
async fn t10_t178_a_foreign_message_without_an_envelope_or_a_blank_one_is_taken() {
    let world = TripWorld::new("foreign", vec![part(desk(), DESK_TABLES)]).await;
    let foreign = json!({"headers": {"x-vendor": "7", "causation_id": "none of ours"}});
    world.publish_raw(TripWanted::TYPE.name(), &foreign, r#"{"city":"Rome","pets":2}"#).await;
    world.until_count("desk", "trip", 1).await;
    let key = "desk.trip_booked.v1";
    let booked = ballet_stage::wait_until(key, crate::world::SOON, || async {
        let seen = world.seen().await;
        Ok::<_, String>(seen.into_iter().find(|message| message["routing_key"] == key))
    })
    .await
    .unwrap();
    let properties = &booked["properties"];
    let headers = properties["headers"].as_object().unwrap();
    assert_eq!(headers.keys().collect::<Vec<_>>(), ["causation_id", "traceparent"]);
    // The saga's first message is its own cause.
    assert_eq!(headers["causation_id"], properties["correlation_id"]);

    // Messages with blank ids are different messages.
    let mut sagas = 1;
    for blank in ["", "   ", "\t", "\u{3000}"] {
        let properties = json!({
            "message_id": blank, "correlation_id": blank, "type": blank, "app_id": blank,
            "content_encoding": blank, "headers": {"causation_id": blank, "traceparent": blank},
        });
        for city in ["Rome", "Oslo"] {
            let body = json!({"city": city, "nights": sagas}).to_string();
            world.publish_raw(TripWanted::TYPE.name(), &properties, body).await;
            sagas += 1;
        }
    }
    world.until_count("desk", "trip", sagas).await;
    let ids = "(select distinct message_id from ballet.inbox_other) as id";
    assert_eq!(world.count("desk", ids).await, sagas);
}

#[tokio::test]
async fn t14_a_body_that_is_too_big_is_a_dead_letter_and_is_never_sent() {
    let world = asleep("too_big", vec![the_hotel()]).await;
    let small = Settings { max_body: 1000, ..settings(&world, "hotel") };
    let hotel = start(hotel(Trouble::default()), small).await;
    let body = json!({"city": "R".repeat(1000)}).to_string();
    let properties = json!({"correlation_id": world.new_id()});
    world.publish_raw("desk.trip_booked.v1", &properties, &body).await;
    let dead = world.dead_letters(1).await;
    assert_eq!(dead[0]["properties"]["headers"]["x-dead-reason"], "body_too_big");
    assert_eq!(dead[0]["payload"], body.as_str());

    let mut unit = hotel.handle().unit().await.unwrap();
    unit.tx().publish(&HotelRenamed { name: "R".repeat(1000) }).await.unwrap();
    let refused = unit.commit().await.unwrap_err().to_string();
    assert!(refused.contains("hotel.hotel_renamed.v1") && refused.contains("1000"), "{refused}");
    assert_eq!(world.count("hotel", OUTBOX).await, 0);
    let saga = world.new_saga();
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
}

/// Its decoder is broken.
#[derive(Debug, Serialize, JsonSchema)]
struct TrapSprung {}

impl<'de> Deserialize<'de> for TrapSprung {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("the decoder is broken")
    }
}

impl Event for TrapSprung {
    const TYPE: EventType = EventType::plain("hotel.trap_sprung.v1");
}

struct Traps;

impl Projection for Traps {
    const NAME: &'static str = "traps";
    type On = TrapSprung;

    async fn apply(&self, _: &mut Tx<'_>, _: TrapSprung) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test]
async fn t25_a_decoder_that_panics_makes_a_dead_letter() {
    let world = TripWorld::new("trap", vec![part(guide().projects(Traps), GUIDE_TABLES)]).await;
    world.publish_raw(TrapSprung::TYPE.name(), &json!({}), "{}").await;
    world.publish(world.new_saga(), &HotelRenamed { name: "Ritz".into() }).await;
    world.until_count("guide", "hotel_name", 1).await;
    let dead = world.dead_letters(1).await;
    let headers = &dead[0]["properties"]["headers"];
    assert_eq!(headers["x-dead-reason"], "wrong_shape");
    assert!(headers["x-dead-detail"].as_str().unwrap().contains("the decoder is broken"));
}

ballet_testkit::events! {
    /// The next version has the name in parts.
    HotelRenamed2 = plain "hotel.hotel_renamed.v2" { words: Vec<String> }
}

#[ballet::service("critic")]
impl Critic {
    #[projects]
    async fn words(tx: &mut Tx<'_>, renamed: HotelRenamed2) -> Result<(), Failure> {
        let words = i32::try_from(renamed.words.len())?;
        sqlx::query("insert into words values ($1)").bind(words).execute(tx.db()).await?;
        Ok(())
    }
}

#[tokio::test]
async fn t29_old_consumers_handle_what_they_know_beside_a_new_version() {
    const TABLES: &[Migration] =
        &[Migration { name: "0001_words", sql: "create table words (count int)" }];
    let parts = vec![part(guide(), GUIDE_TABLES), part(Critic::participant(), TABLES)];
    let world = TripWorld::new("versions", parts).await;
    let saga = world.new_saga();
    world.publish(saga, &HotelRenamed2 { words: vec!["Grand".into(), "Hotel".into()] }).await;
    // The old version with a field that is newer than its consumer.
    let properties = json!({"message_id": world.new_id()});
    let body = r#"{"name":"Grand Hotel","stars":5}"#;
    world.publish_raw(HotelRenamed::TYPE.name(), &properties, body).await;
    world.until_count("guide", "hotel_name where name = 'Grand Hotel'", 1).await;
    world.until_count("critic", "words where count = 2", 1).await;
    assert_eq!(world.count("guide", "ballet.inbox").await, 1);
    assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));
}
