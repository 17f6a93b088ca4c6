//! A saga that cannot be decided, because the awaited event never comes.

use ballet::core::System;
use ballet::{Does, Tx, Undoes, compensated, done};
use ballet_ops::sagas::{self, SagaQuery};
use sqlx::postgres::PgConnectOptions;

use crate::trip::{
    CarRefused, CarReturned, DESK_TABLES, RoomBooked, Trip, TripBooked, TripWanted, Trouble, desk,
    hotel,
};
use crate::world::{TripWorld, part, the_hotel};

ballet_testkit::events! {
    CarReserved = "cars.car_reserved.v1" { car: String }
}

/// A release of the car rental that says the same in another event.
#[ballet::service("cars", saga = Trip)]
impl Cars {
    #[pivot(undo = return_car)]
    async fn rent_car(
        _: &mut Tx<'_>,
        trip: TripBooked,
        _: RoomBooked,
    ) -> Does<CarReserved, CarRefused> {
        done(CarReserved { car: trip.city })
    }

    async fn return_car(_: &mut Tx<'_>, reserved: CarReserved) -> Undoes<CarReturned> {
        compensated(CarReturned { car: reserved.car })
    }
}

#[tokio::test]
async fn t223_a_saga_is_open_until_it_is_decided_and_the_event_that_came_instead_is_named() {
    let parts = vec![part(desk(), DESK_TABLES), the_hotel(), part(Cars::participant(), &[])];
    let world = TripWorld::new("undecided", parts).await;
    let saga = world.new_saga();
    world.publish(saga, &TripWanted { city: "Rome".into() }).await;
    world.event::<CarReserved>(saga).await;
    // An owner without a deadline has no other sign.
    world.execute("desk", "delete from ballet.deadline").await;

    let declared = [desk().part(), hotel(Trouble::default()).part(), Cars::participant().part()];
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

    let open = sagas::open(&system, &databases, &[]).await;
    assert_eq!(open.sagas.len(), 1, "{open:?}");
    assert_eq!(&open.sagas[0].waits[..], std::slice::from_ref(wait));
    let shown = sagas::show(&system, &databases, saga.0).await;
    assert_eq!(&shown.waits[..], std::slice::from_ref(wait));
}
