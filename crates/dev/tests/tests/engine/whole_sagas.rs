//! Whole sagas: events that do not belong to one, and events after its end.

use crate::trip::{
    CarRented, DESK_TABLES, Rental, RoomBooked, RoomRefused, TripBooked, TripCancelled,
    TripConfirmed, TripWanted, desk,
};
use crate::world::{TripWorld, everybody, part};

fn rome() -> TripWanted {
    TripWanted { city: "Rome".into() }
}

#[tokio::test]
async fn t110_an_event_of_a_saga_that_never_began_is_a_dead_letter_of_the_owner() {
    let world = TripWorld::new("never", vec![part(desk(), DESK_TABLES)]).await;
    let (rented, refused) = (world.new_saga(), world.new_saga());
    world.publish(rented, &CarRented { car: "a car in Rome".into() }).await;
    world.publish(refused, &RoomRefused {}).await;
    for letter in world.dead_letters(2).await {
        let headers = &letter["properties"]["headers"];
        assert_eq!(headers["x-dead-reason"], "permanent");
        let detail = headers["x-dead-detail"].as_str().expect("text");
        assert!(detail.contains("has not begun"), "{detail}");
    }
    assert!(world.events::<TripConfirmed>(rented).await.is_empty());
    assert!(world.events::<TripCancelled>(refused).await.is_empty());
    assert_eq!(world.count("desk", "trip").await, 0);
    assert_eq!(world.count("desk", "ballet.ledger").await, 0);
}

#[tokio::test]
async fn t113_the_same_may_be_wanted_again_and_old_events_do_not_touch_the_new_saga() {
    let rental = Rental::default();
    let world = TripWorld::new("again", everybody(rental.clone())).await;
    let (old, new) = (world.new_saga(), world.new_saga());
    world.publish(old, &rome()).await;
    world.event::<TripConfirmed>(old).await;
    world.publish(new, &rome()).await;
    world.publish(old, &TripBooked { city: "Rome".into() }).await;
    world.publish(old, &RoomBooked { room: 1 }).await;
    world.publish(old, &CarRented { car: "a car in Rome".into() }).await;
    world.event::<TripConfirmed>(new).await;
    let last = world.new_saga();
    world.publish(last, &rome()).await;
    world.event::<TripConfirmed>(last).await;
    for saga in [old, new] {
        assert_eq!(world.events::<TripConfirmed>(saga).await.len(), 1);
    }
    assert_eq!(world.count("hotel", "room").await, 3);
    assert_eq!(rental.asked(), ["rent in Rome"; 3]);
}
