//! Two joins of one service that share an event.

use ballet::{Never, Participant, Step, StepResult, Tx, done};

use crate::trip::{RoomBooked, Trip, TripBooked};
use crate::world::{TripWorld, part};

ballet_testkit::events! {
    TripPaid = "bank.trip_paid.v1"
    BagsPacked = "cars.bags_packed.v1"
    TripInsured = "cars.trip_insured.v1"
}

macro_rules! joins {
    ($($step:ident = $name:literal: $on:ty => $done:ident)+) => {$(
        struct $step;
        impl Step for $step {
            const NAME: &'static str = $name;
            type On = $on;
            type Done = $done;
            type Refused = Never;
            async fn run(&self, _: &mut Tx<'_>, _: $on) -> StepResult<Self> {
                done($done {})
            }
        }
    )+};
}

joins! {
    PackBags = "pack_bags": (TripBooked, RoomBooked) => BagsPacked
    InsureTrip = "insure_trip": (TripBooked, TripPaid) => TripInsured
}

#[tokio::test]
async fn two_joins_that_share_an_event_both_run_in_any_order() {
    let cars = Participant::new("cars")
        .saga::<Trip>(|saga| saga.retriable(PackBags).retriable(InsureTrip));
    let world = TripWorld::new("shared_event", vec![part(cars, &[])]).await;
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let sagas = orders.map(|order| (world.new_saga(), order));
    for (saga, order) in sagas {
        for event in order {
            match event {
                0 => world.publish(saga, &TripBooked { city: "Rome".into() }).await,
                1 => world.publish(saga, &RoomBooked { room: 7 }).await,
                _ => world.publish(saga, &TripPaid {}).await,
            };
        }
    }
    for (saga, _) in sagas {
        world.event::<BagsPacked>(saga).await;
        world.event::<TripInsured>(saga).await;
    }
    assert_eq!(world.count("cars", "ballet.ledger where entry = 'done'").await, 12);
}
