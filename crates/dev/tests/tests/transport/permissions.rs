//! The readiness of a service while it may not publish.

use ballet_stage::Method;
use ballet_testkit::health::{until_ready, until_says};
use serde_json::json;

use crate::trip::{RoomBooked, TripBooked};
use crate::world::TripWorld;

#[tokio::test]
async fn t186_events_wait_for_a_permission_and_the_service_says_so() {
    let world = TripWorld::hotel("permission").await;
    let management = world.env.management();
    let user = world.env.amqp_url("hotel").split_once("://").unwrap().1.split_once(':').unwrap().0;
    let path = ["permissions", world.env.vhost(), user];
    let before = management.call(Method::GET, &path, None).await.unwrap();
    let mut without = before.clone();
    without["write"] = json!("^(dead|retry\\..*)$");
    management.call(Method::PUT, &path, Some(&without)).await.unwrap();
    let sagas: Vec<_> = (0..40).map(|_| world.new_saga()).collect();
    for saga in &sagas {
        world.publish(*saga, &TripBooked { city: "Rome".into() }).await;
    }
    world.until_count("hotel", "room", 40).await;
    let address = world.services[0].address();
    until_says(address, 503, "exchange 'events'").await;
    management.call(Method::PUT, &path, Some(&before)).await.unwrap();
    for saga in sagas {
        world.event::<RoomBooked>(saga).await;
    }
    until_ready(address, "a ready service", |status, _| status == 200).await;
    assert_eq!(world.count("hotel", "ballet.outbox_dead").await, 0);
}
