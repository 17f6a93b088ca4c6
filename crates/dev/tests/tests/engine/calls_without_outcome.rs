//! Calls whose provider has no outcome yet, or asks for a pause.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballet::calls::{CallKey, CallStep, CallStepResult, RequestResult, call};
use ballet::{Failure, Never, Participant, SagaId, Tx};
use ballet_stage::wait_until;
use ballet_store::inbox::{failures, stuck};
use tokio::sync::Semaphore;

use crate::car_hire::book;
use crate::trip::{CarRented, Trip, TripBooked};
use crate::world::{SOON, TripWorld, part};

/// The provider fails the first time, how depends on the city. In Nice it answers only when it may.
#[derive(Clone)]
struct Asks {
    asked: Arc<Mutex<Vec<(String, CallKey)>>>,
    hold: Arc<Semaphore>,
}

impl Asks {
    fn keys(&self, city: &str) -> Vec<CallKey> {
        let asked = self.asked.lock().expect("not poisoned");
        asked.iter().filter(|(of, _)| of == city).map(|(_, key)| *key).collect()
    }
}

impl CallStep for Asks {
    const NAME: &'static str = "rent_car";
    type On = TripBooked;
    type Done = CarRented;
    type Refused = Never;
    type Request = String;
    type Answer = ();

    async fn request(&self, _: &mut Tx<'_>, trip: TripBooked) -> RequestResult<Self> {
        call(trip.city)
    }

    async fn call(&self, key: CallKey, city: &String) -> Result<(), Failure> {
        let is_first = self.keys(city).is_empty();
        self.asked.lock().expect("not poisoned").push((city.clone(), key));
        if city == "Nice" {
            self.hold.acquire().await?.forget();
        }
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        match city.as_str() {
            _ if !is_first => Ok(()),
            "Nice" => Err(Failure::not_yet("no outcome").again_after(minutes(30))),
            "Oslo" => Err(Failure::transient("too many requests").again_after(minutes(4))),
            _ => Err(Failure::not_yet("the car is on its way").again_after(minutes(24 * 60))),
        }
    }

    async fn answered(&self, _: &mut Tx<'_>, car: String, (): ()) -> CallStepResult<Self> {
        Ok(CarRented { car })
    }
}

/// Whether the saga's call waits for at least this many minutes.
fn waits(saga: SagaId, minutes: u32, attempts: u32) -> String {
    format!(
        "ballet.call where saga_id = '{saga}' and attempts = {attempts} and last_error is not null
         and owner = 0 and next_at > ballet.now() + interval '{minutes} minutes'"
    )
}

async fn ask_again(world: &TripWorld, key: CallKey) -> bool {
    let mut unit = world.handle(0).unit().await.expect("a transaction");
    let is_open = unit.ask_again(key).await.expect("an answer");
    unit.commit().await.expect("committed");
    is_open
}

#[tokio::test]
async fn a_call_without_an_outcome_yet_is_not_stuck_and_is_made_as_soon_as_there_is_a_hint() {
    let asks = Asks { asked: Arc::default(), hold: Arc::new(Semaphore::new(0)) };
    let step = asks.clone();
    let cars = Participant::new("cars").saga::<Trip>(|saga| saga.retriable(step));
    let world = TripWorld::new("hint", vec![part(cars, &[])]).await;
    let saga = book(&world, "Rome").await;
    world.until_count("cars", &waits(saga, 55, 0), 1).await;
    assert_eq!(world.count("cars", &waits(saga, 61, 0)).await, 0, "an hour is the longest pause");
    let long_ago = "update ballet.call set created_at = now() - interval '2 minutes'";
    world.execute("cars", long_ago).await;
    let mut db = world.database("cars").await;
    assert_eq!(stuck::list(&mut db, 100).await.expect("a list"), []);
    assert_eq!(failures::count(&mut db).await.expect("a count"), (0.0, 0.0));

    let key = asks.keys("Rome")[0];
    assert!(!ask_again(&world, CallKey(world.handle(0).new_id())).await, "there is no such call");
    assert!(ask_again(&world, key).await);
    world.event::<CarRented>(saga).await;
    assert_eq!(asks.keys("Rome"), [key, key]);
    assert!(!ask_again(&world, key).await, "it is answered");

    // A hint that comes while the call is made is not lost.
    let saga = book(&world, "Nice").await;
    let made = wait_until("the call to be made", SOON, || async {
        Ok::<_, String>(asks.keys("Nice").first().copied())
    });
    assert!(ask_again(&world, made.await.expect("a call")).await);
    // The attempt ends with the state before the hint.
    asks.hold.add_permits(2);
    world.event::<CarRented>(saga).await;

    // A pause that the provider asks for after a failure is kept.
    let saga = book(&world, "Oslo").await;
    world.until_count("cars", &waits(saga, 3, 1), 1).await;
    assert_eq!(asks.keys("Oslo").len(), 1);
}
