//! Calls to the outside, and joins.

use crate::trip::{CarRented, Rental, RoomBooked, TripBooked, Trouble, cars};
use crate::world::{TripWorld, part};

async fn cars_world(name: &str, rental: Rental) -> TripWorld {
    TripWorld::new(name, vec![part(cars(rental), &[])]).await
}

fn booked() -> (TripBooked, RoomBooked) {
    (TripBooked { city: "Rome".into() }, RoomBooked { room: 7 })
}

#[tokio::test]
async fn t120_a_join_runs_once_after_the_last_in_any_order_with_duplicates() {
    let rental = Rental::default();
    let world = cars_world("join", rental.clone()).await;
    let (trip, room) = booked();
    let (first, second) = (world.new_saga(), world.new_saga());
    world.publish(first, &trip).await;
    world.publish(first, &trip).await;
    world.publish(second, &room).await;
    world.publish(second, &room).await;
    world.until_count("cars", "ballet.ledger where entry = 'arrived'", 2).await;
    assert!(rental.asked().is_empty());
    world.publish(first, &room).await;
    world.publish(second, &trip).await;
    world.publish(second, &trip).await;
    for saga in [first, second] {
        let rented: CarRented = world.event(saga).await;
        assert_eq!(rented.car, "a car in Rome");
    }
    // The last of the copies is handled, too, and has begun no call.
    world.until_count("cars", "ballet.inbox", 7).await;
    assert_eq!(world.count("cars", "ballet.call").await, 2);
    assert_eq!(rental.asked(), ["rent in Rome", "rent in Rome"]);
}

#[tokio::test]
async fn t104_a_call_that_fails_is_made_again_under_the_same_key() {
    let rental = Rental { trouble: Trouble::default().times(3), ..Rental::default() };
    let world = cars_world("again", rental.clone()).await;
    let saga = world.new_saga();
    let (trip, room) = booked();
    world.publish(saga, &trip).await;
    world.publish(saga, &room).await;
    world.event::<CarRented>(saga).await;
    assert_eq!(rental.asked().len(), 1);
    assert_eq!(
        world.count("cars", "ballet.call where closed_at is not null and attempts = 3").await,
        1
    );
}
