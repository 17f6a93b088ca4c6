//! Ids without a time: the service reports what it has forgotten, and never guesses.

use ballet::SagaId;
use serde_json::json;

use crate::trip::{
    DESK_TABLES, GUIDE_TABLES, RoomBooked, RoomFreed, TripBooked, TripCancelled, desk, guide,
};
use crate::world::{TripWorld, part, the_hotel};

const WANTED: &str = "agency.trip_wanted.v1";

async fn told(world: &TripWorld, letters: usize) -> (String, String) {
    let dead = world.dead_letters(letters).await;
    let header = |name: &str| {
        let headers = &dead.last().expect("one")["properties"]["headers"];
        headers[name].as_str().unwrap_or_default().to_owned()
    };
    (header("x-dead-reason"), header("x-dead-detail"))
}

#[tokio::test(flavor = "multi_thread")]
async fn t177_a_saga_without_a_time_that_is_forgotten_does_not_run_again() {
    let mut world = TripWorld::hotel("forgotten").await;
    let saga: SagaId = "5d3d2a70-97e1-4e0e-9a4e-1f0a7c3d1b11".parse().expect("a UUID");
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    world.publish(saga, &TripCancelled { reason: "the customer".into() }).await;
    world.event::<RoomFreed>(saga).await;
    world.services.pop().expect("the hotel").stop().await;
    let age = "update ballet.ledger_other set recorded_at = now() - interval '91 days'";
    world.execute("hotel", age).await;
    world.start(the_hotel()).await;
    world.until_count("hotel", "ballet.ledger_other", 0).await;

    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    let (reason, detail) = told(&world, 1).await;
    assert_eq!(reason, "saga_too_old", "{detail}");
    assert!(detail.contains("has no time in it"), "{detail}");
    world.publish(saga, &TripCancelled { reason: "the customer".into() }).await;
    assert_eq!(told(&world, 2).await.0, "saga_too_old");
    assert_eq!(world.count("hotel", "room").await, 1);
    assert_eq!(world.count("hotel", "ballet.ledger_other").await, 0);
    // Others go on.
    let next = SagaId("5d3d2a70-97e1-4e0e-9a4e-1f0a7c3d1b12".parse().expect("a UUID"));
    world.publish(next, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(next).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t27_an_identical_body_after_the_inbox_has_forgotten_is_told() {
    let desk = || part(desk(), DESK_TABLES);
    let mut world = TripWorld::new("identical", vec![desk()]).await;
    let properties = json!({ "type": WANTED });
    world.publish_raw(WANTED, &properties, r#"{"city":"Rome"}"#).await;
    world.until_count("desk", "trip where state = 'booked'", 1).await;
    world.services.pop().expect("the desk").stop().await;
    let age = "update ballet.inbox_other set received_at = now() - interval '8 days'";
    world.execute("desk", age).await;
    world.start(desk()).await;
    world.until_count("desk", "ballet.inbox_other", 0).await;

    world.publish_raw(WANTED, &properties, r#"{"city":"Rome"}"#).await;
    let (reason, detail) = told(&world, 1).await;
    assert_eq!(reason, "too_old_to_deduplicate", "{detail}");
    assert!(detail.contains("an id of its own"), "{detail}");
    assert_eq!(world.count("desk", "trip").await, 1);
    // With ids they are two.
    for number in 2..4 {
        let properties = json!({ "type": WANTED, "message_id": world.new_id() });
        world.publish_raw(WANTED, &properties, r#"{"city":"Rome"}"#).await;
        world.until_count("desk", "trip", number).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t184_an_id_without_a_time_is_remembered_from_the_later_of_two_clocks() {
    let guide = || part(guide(), GUIDE_TABLES);
    let mut world = TripWorld::new("set_back", vec![guide()]).await;
    let rename = async |world: &TripWorld, id: &str| {
        let properties = json!({ "message_id": id, "type": "hotel.hotel_renamed.v1" });
        world.publish_raw("hotel.hotel_renamed.v1", &properties, r#"{"name":"Ritz"}"#).await;
    };
    let set_back = async |world: &TripWorld, days: u8| {
        let sql = format!(
            "create or replace function ballet.now() returns timestamptz language sql volatile \
             parallel safe as 'select pg_catalog.clock_timestamp() - interval ''{days} days'''"
        );
        world.execute("guide", &sql).await;
    };
    let id = "5d3d2a70-97e1-4e0e-9a4e-1f0a7c3d1b21";
    set_back(&world, 10).await;
    rename(&world, id).await;
    world.until_count("guide", "hotel_name", 1).await;
    world.services.pop().expect("the guide").stop().await;

    // The clock is right again, and what is really old is forgotten.
    set_back(&world, 0).await;
    let old = "insert into ballet.inbox_other select gen_random_uuid(), now() - interval '8 days'";
    world.execute("guide", old).await;
    world.start(guide()).await;
    world.until_count("guide", "ballet.inbox_other", 1).await;
    rename(&world, id).await;
    rename(&world, "5d3d2a70-97e1-4e0e-9a4e-1f0a7c3d1b22").await;
    world.until_count("guide", "ballet.inbox_other", 2).await;
    assert_eq!(world.count("guide", "hotel_name").await, 2, "it is done once");
}
