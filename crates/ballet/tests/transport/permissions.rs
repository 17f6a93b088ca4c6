//! The readiness of a service while it may not publish.

use ballet_stage::{Method, wait_until};
use serde_json::{Value, json};

use crate::trip::{RoomBooked, TripBooked};
use crate::world::{SOON, World};

async fn readiness(world: &World) -> Result<Value, reqwest::Error> {
    let url = format!("http://{}/readyz", world.services[0].address());
    reqwest::get(url).await?.json().await
}

#[tokio::test]
async fn t186_events_wait_for_a_permission_and_the_service_says_so() {
    let world = World::hotel("permission").await;
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
    wait_until("an unready service", SOON, || async {
        let said = readiness(&world).await?;
        let waits = said["publish"].as_str().is_some_and(|said| said.contains("exchange 'events'"));
        Ok::<_, reqwest::Error>((waits && said["ready"] == false).then_some(()))
    })
    .await
    .unwrap();
    management.call(Method::PUT, &path, Some(&before)).await.unwrap();
    for saga in sagas {
        world.event::<RoomBooked>(saga).await;
    }
    wait_until("a ready service", SOON, || async {
        Ok::<_, reqwest::Error>((readiness(&world).await?["ready"] == true).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(world.count("hotel", "ballet.outbox_dead").await, 0);
}
