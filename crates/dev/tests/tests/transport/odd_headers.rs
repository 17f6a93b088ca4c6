//! Headers that route a message past its publisher's permissions. The flood has those of every AMQP type.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::scene::{in_queue, rome};
use crate::trip::{GUIDE_TABLES, RoomBooked, guide};
use crate::world::{TripWorld, part, the_hotel};

/// Generous for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

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
