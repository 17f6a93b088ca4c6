//! Messages that our AMQP client itself cannot read.

use ballet::{Event, SagaId};

use crate::raw_amqp::{Raw, long, publish, short};
use crate::scene::{asleep, rome, the_hotel};
use crate::trip::{RoomBooked, TripBooked};
use crate::world::World;

const DEAD: std::time::Duration = std::time::Duration::from_secs(240);

/// The sagas of the others come with the world.
async fn is_dead_and_others_go_on(mut world: World, poison: Raw<'_>) -> (World, Vec<SagaId>) {
    let url = world.env.ops_amqp_url().to_owned();
    publish(&url, &[poison]);
    let sagas: Vec<_> = (0..50).map(|_| world.new_saga()).collect();
    for saga in &sagas {
        world.publish(*saga, &rome()).await;
    }
    world.start(the_hotel()).await;
    world.until_count("hotel", "room", 50).await;
    ballet_testkit::wait_until("the dead letter", DEAD, || async {
        let depth = world.env.management().depth("hotel.dead").await?;
        Ok::<_, ballet_testkit::Error>((depth.ready == 1).then_some(()))
    })
    .await
    .unwrap();
    ballet_testkit::wait_until("an empty queue", DEAD, || async {
        let depth = world.env.management().depth("hotel").await?;
        Ok::<_, ballet_testkit::Error>((depth.ready + depth.unacked == 0).then_some(()))
    })
    .await
    .unwrap();
    world.until_count("hotel", "room", 50).await;
    (world, sagas)
}

#[tokio::test]
async fn a_property_that_is_no_text_is_set_aside_by_the_broker_in_the_end() {
    let world = asleep("no_text", vec![the_hotel()]).await;
    let poison = Raw { queue: "hotel", kind: b"desk.\xff", headers: b"", body: b"{}" };
    // RabbitMQ 4 cannot show it in its console, nor a probe that has it, too.
    is_dead_and_others_go_on(world, poison).await;
}

#[tokio::test]
async fn headers_that_are_nested_without_end_are_refused() {
    let world = asleep("nested", vec![the_hotel()]).await;
    let mut headers = Vec::new();
    while headers.len() < 120_000 {
        headers = [&short(b"")[..], b"F", &long(&headers)].concat();
    }
    let kind = TripBooked::TYPE.name().as_bytes();
    let poison = Raw { queue: "hotel", kind, headers: &headers, body: b"{}" };
    let (world, sagas) = is_dead_and_others_go_on(world, poison).await;
    for saga in sagas {
        world.event::<RoomBooked>(saga).await;
        assert_eq!(world.events::<RoomBooked>(saga).await.len(), 1);
    }
    let dead = world.dead_letters(1).await;
    let kept = &dead[0]["properties"]["headers"];
    assert_eq!(kept["x-dead-reason"], "headers_too_big");
    assert_eq!(kept["x-dead-headers"], "headers nested too deep were dropped");
}
