//! Calls that were left behind, or whose answer could not be taken at first. A process that knows the step makes each
//! in the end.

use std::time::{Duration, Instant};

use ballet::calls::{CallKey, CallStep, CallStepResult, RequestResult, call};
use ballet::{Failure, Never, Participant, SagaId, Tx, done};
use ballet_stage::wait_until;

use crate::trip::{CarRented, Rental, RoomBooked, Trip, TripBooked, cars};
use crate::world::{SOON, TripWorld, part};

async fn wanted(world: &TripWorld) -> SagaId {
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.publish(saga, &RoomBooked { room: 7 }).await;
    saga
}

async fn until_asked(rental: &Rental, count: usize) {
    wait_until("the rental is asked", SOON, || async {
        let asked = rental.asked();
        if asked.len() >= count { Ok(Some(())) } else { Err(format!("{asked:?}")) }
    })
    .await
    .expect("asked");
}

/// The first statement that changes a call fails.
const FUSE: &str = "create sequence fuse;
    create function fuse() returns trigger language plpgsql as $$ begin
        if nextval('fuse') = 1 then raise exception 'fuse' using errcode = '53200'; end if;
        return new; end $$;
    create trigger fuse before update on ballet.call for each row execute function fuse()";
const FAILED_ONCE: &str = "fuse where last_value >= 2";

#[tokio::test]
async fn a_call_that_could_not_be_taken_over_at_first_is_taken_over_later() {
    let before =
        |rental| Participant::new("cars").saga::<Trip>(|saga| saga.retriable(ParkCar(rental)));
    let both =
        |rental: Rental| cars(rental.clone()).saga::<Trip>(|saga| saga.retriable(ParkCar(rental)));
    let mut world = TripWorld::new("take_over", vec![part(both(Rental::silent()), &[])]).await;
    let saga = wanted(&world).await;
    world.until_count("cars", "ballet.call", 1).await;
    world.publish(saga, &TripPaid {}).await;
    let claimed = "ballet.call where owner <> 0 and next_at > ballet.now() + interval '30 seconds'";
    world.until_count("cars", claimed, 2).await;
    drop(world.services.pop());
    world.execute("cars", FUSE).await;
    let begun = Instant::now();
    let parking = Rental::default();
    world.start(part(before(parking.clone()), &[])).await;
    until_asked(&parking, 1).await;
    assert_eq!(world.count("cars", FAILED_ONCE).await, 1);
    let renting = Rental::default();
    world.start(part(both(renting.clone()), &[])).await;
    world.event::<CarRented>(saga).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(
        (parking.asked(), renting.asked()),
        (vec!["park".into()], vec!["rent in Rome".into()])
    );
}

ballet_testkit::events! {
    TripPaid = "bank.trip_paid.v1"
    CarParked = "cars.car_parked.v1"
}

/// The version before knows only this step.
struct ParkCar(Rental);

impl CallStep for ParkCar {
    const NAME: &'static str = "park_car";
    type On = TripPaid;
    type Done = CarParked;
    type Refused = Never;
    type Request = ();
    type Answer = ();

    async fn request(&self, _: &mut Tx<'_>, _: TripPaid) -> RequestResult<Self> {
        call(())
    }

    async fn call(&self, key: CallKey, (): &()) -> Result<(), Failure> {
        self.0.ask(key, "park").await
    }

    async fn answered(&self, _: &mut Tx<'_>, (): (), (): ()) -> CallStepResult<Self> {
        done(CarParked {})
    }
}

#[tokio::test]
async fn an_answer_whose_transaction_is_in_conflict_is_asked_for_again_until_it_is_taken_in() {
    let rental = Rental::default();
    let world = TripWorld::new("conflict", vec![part(cars(rental.clone()), &[])]).await;
    let conflict = "create function conflict() returns trigger language plpgsql as $$ begin
            raise exception 'conflict' using errcode = '40001'; end $$;
        create trigger conflict before insert on ballet.ledger for each row
            when (new.entry = 'done') execute function conflict()";
    world.execute("cars", conflict).await;
    let saga = wanted(&world).await;
    until_asked(&rental, 2).await;
    world.execute("cars", "drop trigger conflict on ballet.ledger").await;
    world.event::<CarRented>(saga).await;
    let asked = rental.asked.lock().expect("not poisoned").clone();
    assert!(asked.iter().all(|one| *one == asked[0]), "another key, or another request: {asked:?}");
    assert_eq!(world.count("cars", "ballet.ledger where entry = 'done'").await, 1);
}
