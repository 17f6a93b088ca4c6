//! The content of the log.

use ballet::Event;
use ballet_stage::wait_until;
use ballet_testkit::process_log::{log_here, text};
use serde_json::json;

use crate::trip::{HOTEL_TABLES, Rental, RoomBooked, TripBooked, Trouble, cars, hotel};
use crate::world::{SOON, TripWorld, part};

const SECRET: &str = "xyzzy-7391";

#[tokio::test]
async fn t160_bodies_and_header_values_are_not_logged() {
    log_here();
    let parts = vec![
        part(hotel(Trouble::default().times(4)), HOTEL_TABLES),
        part(cars(Rental::default()), &[]),
    ];
    let world = TripWorld::new("logs", parts).await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: SECRET.into() }).await;
    world.event::<RoomBooked>(saga).await;
    // A refusal and a repeated failure are logged at length.
    let wrong = [
        // serde quotes a text where a number belongs.
        (RoomBooked::TYPE.name(), json!({ "room": SECRET }).to_string(), "application/json"),
        (TripBooked::TYPE.name(), format!(r#"{{"city": "{SECRET}""#), "application/json"),
        (TripBooked::TYPE.name(), SECRET.to_owned(), "application/json"),
        (TripBooked::TYPE.name(), json!({ "city": SECRET }).to_string(), "text/plain"),
    ];
    for (name, body, content_type) in &wrong {
        let properties = json!({
            "message_id": world.new_id(), "type": name, "content_type": content_type,
            "correlation_id": world.new_saga().to_string(), "headers": { "x-token": SECRET },
        });
        world.publish_raw(name, &properties, body).await;
    }
    for city in ["Broken", "Shaky"] {
        world.publish(world.new_saga(), &TripBooked { city: city.into() }).await;
    }
    let told =
        ["wrong_shape", "not_json", "wrong_content_type", "no such hotel", "the line was cut"];
    wait_until("what is told", SOON, || async {
        let logged = text();
        let missing: Vec<_> = told.iter().filter(|part| !logged.contains(**part)).collect();
        if missing.is_empty() { Ok(Some(())) } else { Err(format!("{missing:?} is missing")) }
    })
    .await
    .expect("what is told");
    // Each refused message is a dead letter of both services, or of the one that knows its type.
    world.dead_letters(2 * wrong.len()).await;
    let logged = text();
    let secret: Vec<&str> = logged.lines().filter(|line| line.contains(SECRET)).collect();
    assert!(secret.is_empty(), "{secret:#?}");
}
