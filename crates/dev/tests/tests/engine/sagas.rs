//! Whole sagas: the owner decides.

use ballet::{Abort, Never, Participant, Step, StepResult, Tx};

use crate::trip::{
    CarRented, CarReturned, ConfirmTrip, DESK_TABLES, Desk, Rental, RoomBooked, RoomFreed,
    TripBooked, TripCancelled, TripConfirmed, TripWanted, cancel,
};
use crate::world::{TripWorld, everybody, part};

fn trip_to(city: &str) -> TripWanted {
    TripWanted { city: city.to_owned() }
}

#[tokio::test]
async fn t88_a_saga_goes_to_its_end() {
    let world = TripWorld::new("end", everybody(Rental::default())).await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Rome")).await;
    world.event::<TripConfirmed>(saga).await;
    assert_eq!(world.count("desk", "trip where state = 'confirmed'").await, 1);
    assert_eq!(cancel(world.handle(0), saga).await, Abort::TooLate);
    assert_eq!(world.count("desk", "trip where state = 'confirmed'").await, 1);
    assert!(world.events::<TripCancelled>(saga).await.is_empty());
}

/// Confirms a trip under the name of the car.
struct ConfirmCar;

impl Step for ConfirmCar {
    const NAME: &'static str = "confirm_trip";
    type On = CarRented;
    type Done = TripConfirmed;
    type Refused = Never;

    fn key(rented: &CarRented) -> Option<String> {
        Some(rented.car.clone())
    }

    async fn run(&self, tx: &mut Tx<'_>, rented: CarRented) -> StepResult<Self> {
        ConfirmTrip.run(tx, rented).await
    }
}

#[tokio::test]
async fn a_decision_with_a_key_is_made_once() {
    let desk = Participant::new("desk")
        .owns(Desk, |saga| saga.originates::<TripBooked>("book_trip").decides(ConfirmCar));
    let world = TripWorld::new("keyed_decision", vec![part(desk, DESK_TABLES)]).await;
    let saga = world.begin(0).await;
    for car in ["red", "blue"] {
        world.publish(saga, &CarRented { car: car.to_owned() }).await;
    }
    world.event::<TripConfirmed>(saga).await;
    world.until_count("desk", "ballet.inbox", 2).await;
    assert_eq!(cancel(world.handle(0), saga).await, Abort::TooLate);
    assert_eq!(world.events::<TripConfirmed>(saga).await.len(), 1);
    assert_eq!(world.count("desk", "trip where state = 'confirmed'").await, 1);
}

#[tokio::test]
async fn t89_a_refusal_rolls_back_what_was_done_before() {
    let world = TripWorld::new("refused", everybody(Rental::default())).await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Carless")).await;
    let cancelled: TripCancelled = world.event(saga).await;
    assert_eq!(cancelled.reason, "no car");
    world.event::<RoomFreed>(saga).await;
    assert_eq!(world.count("hotel", "room where not freed").await, 0);
    assert_eq!(world.count("desk", "trip where state = 'cancelled'").await, 1);
    assert!(world.events::<CarReturned>(saga).await.is_empty(), "nothing was rented");
}

#[tokio::test]
async fn the_owners_own_refusal_is_the_abort() {
    let world = TripWorld::new("own", everybody(Rental::default())).await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("")).await;
    let cancelled: TripCancelled = world.event(saga).await;
    assert_eq!(cancelled.reason, "no city");
    assert!(world.events::<TripBooked>(saga).await.is_empty());
    assert_eq!(world.count("desk", "trip where state = 'cancelled'").await, 1);
}

#[tokio::test]
async fn t92_a_cancel_while_a_call_is_out_is_carried_out_when_its_answer_comes() {
    let rental = Rental::held();
    let world = TripWorld::new("cancel", everybody(rental.clone())).await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Rome")).await;
    world.event::<RoomBooked>(saga).await;
    world.until_count("cars", "ballet.ledger where entry = 'calling'", 1).await;
    assert_eq!(cancel(world.handle(0), saga).await, Abort::Aborted);
    assert_eq!(cancel(world.handle(0), saga).await, Abort::AlreadyAborted);
    world.until_count("cars", "ballet.ledger where entry = 'aborted'", 1).await;
    rental.let_go();
    world.event::<CarReturned>(saga).await;
    world.event::<RoomFreed>(saga).await;
    assert_eq!(rental.asked(), ["rent in Rome", "return a car in Rome"]);
    assert!(world.events::<CarRented>(saga).await.is_empty(), "nobody was told of the car");
    assert_eq!(world.events::<TripCancelled>(saga).await.len(), 1);
}

#[tokio::test]
async fn t41_what_a_request_originates_commits_with_its_own_rows() {
    let world = TripWorld::new("origin", everybody(Rental::default())).await;
    let (saga, dropped) = (world.new_saga(), world.new_saga());
    for (saga, commits) in [(dropped, false), (saga, true)] {
        let mut unit = world.handle(0).saga_unit(saga).await.expect("a transaction");
        sqlx::query("insert into trip values ($1, 'booked')")
            .bind(saga.0)
            .execute(unit.tx().db())
            .await
            .expect("a row");
        unit.originate(TripBooked { city: "Rome".into() }).await.expect("originated");
        if commits {
            unit.commit().await.expect("committed");
        }
    }
    world.event::<TripConfirmed>(saga).await;
    assert!(world.events::<TripBooked>(dropped).await.is_empty());
    assert_eq!(world.count("desk", "trip").await, 1);

    let mut unit = world.handle(0).saga_unit(saga).await.expect("a transaction");
    let again = unit.originate(TripBooked { city: "Rome".into() }).await;
    assert!(again.expect_err("begun before").to_string().contains("has begun before"));
}

#[tokio::test]
async fn t114_a_saga_begins_once() {
    let world = TripWorld::new("once", everybody(Rental::default())).await;
    let saga = world.begin(0).await;
    world.event::<TripConfirmed>(saga).await;
    // A beginning that would be refused must not abort a saga that others began.
    world.publish(saga, &trip_to("")).await;
    let dead = world.dead_letters(1).await;
    let detail = dead[0]["properties"]["headers"]["x-dead-detail"].as_str().expect("text");
    assert!(detail.contains("has begun before"), "{detail}");
    assert!(world.events::<TripCancelled>(saga).await.is_empty());

    let started = world.new_saga();
    let id = world.publish(started, &trip_to("Oslo")).await;
    world.event::<TripConfirmed>(started).await;
    world.publish_as(&id, started, &trip_to("Oslo")).await;
    world.publish(started, &trip_to("Oslo")).await;
    let last = world.new_saga();
    world.publish(last, &trip_to("Bonn")).await;
    world.event::<TripConfirmed>(last).await;
    assert_eq!(world.events::<TripBooked>(started).await.len(), 1);
}
