//! A saga that cannot be decided, because the awaited event never comes.

use ballet::core::System;
use ballet::{Compensate, CompensateResult, Participant, Step, StepResult, Tx, compensated, done};
use ballet_ops::sagas::{self, SagaQuery};
use jiff::SignedDuration;
use sqlx::postgres::PgConnectOptions;

use crate::trip::{
    CarRefused, CarReturned, DESK_TABLES, RoomBooked, Trip, TripBooked, TripWanted, Trouble, desk,
    hotel,
};
use crate::world::{TripWorld, part, the_hotel};

ballet_testkit::events! {
    CarReserved = "cars.car_reserved.v1" { car: String }
}

/// Reserves a car in a release that reports the same in another event.
struct ReserveCar;

impl Step for ReserveCar {
    const NAME: &'static str = "rent_car";
    type On = (TripBooked, RoomBooked);
    type Done = CarReserved;
    type Refused = CarRefused;

    async fn run(&self, _: &mut Tx<'_>, on: Self::On) -> StepResult<Self> {
        done(CarReserved { car: on.0.city })
    }
}

impl Compensate for ReserveCar {
    type Compensated = CarReturned;

    async fn compensate(&self, _: &mut Tx<'_>, done: CarReserved) -> CompensateResult<Self> {
        compensated(CarReturned { car: done.car })
    }
}

fn cars() -> Participant {
    Participant::new("cars").saga::<Trip>(|saga| saga.pivot(ReserveCar))
}

#[tokio::test]
async fn t223_a_saga_is_open_until_it_is_decided_and_the_event_that_came_instead_is_named() {
    let parts = vec![part(desk(), DESK_TABLES), the_hotel(), part(cars(), &[])];
    let world = TripWorld::new("undecided", parts).await;
    let saga = world.new_saga();
    world.publish(saga, &TripWanted { city: "Rome".into() }).await;
    world.event::<CarReserved>(saga).await;
    // An owner without a deadline has no other sign.
    world.execute("desk", "delete from ballet.deadline").await;

    let declared = [desk().part(), hotel(Trouble::default()).part(), cars().part()];
    let system = System { name: "trips", parts: declared.to_vec() };
    let options = |service: &str| -> PgConnectOptions {
        world.env.database_url(service).parse().expect("a database")
    };
    let databases: Vec<(String, PgConnectOptions)> =
        ["desk", "hotel", "cars"].map(|name| (name.to_owned(), options(name))).to_vec();

    let wanted = SagaQuery { limit: 10, ..SagaQuery::default() };
    let listed = sagas::list(&system, &databases, &wanted).await;
    let [one] = &listed.sagas[..] else { panic!("{listed:?}") };
    assert!(one.state.is_open(), "{one:?}");
    let [wait] = &one.waits[..] else { panic!("{one:?}") };
    assert_eq!(wait.service, "desk");
    assert_eq!(wait.what, "has not decided it: cars.car_rented.v1 has not come");
    let why = "cars published cars.car_reserved.v1, which nobody takes";
    assert_eq!(wait.why.as_deref(), Some(why));

    let open = sagas::open(&system, &databases, SignedDuration::ZERO).await;
    assert_eq!(open.sagas.len(), 1, "{open:?}");
    assert_eq!(&open.sagas[0].waits[..], std::slice::from_ref(wait));
    let shown = sagas::show(&system, &databases, saga.0).await;
    assert_eq!(&shown.waits[..], std::slice::from_ref(wait));
}
