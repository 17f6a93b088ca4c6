//! Calls to the outside whose other side has no outcome yet, or asks for a pause.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballet::calls::{CallKey, CallStep, CallStepResult, RequestResult, call};
use ballet::{Failure, Never, Participant, Tx};
use ballet_stage::wait_until;
use ballet_store::inbox::{failures, stuck};
use tokio::sync::Semaphore;

use crate::trip::{CarRented, Trip, TripBooked, Trouble};
use crate::world::{SOON, TripWorld, part};

/// A step whose other side fails like this, as often as it has trouble.
struct Asks {
    trouble: Trouble,
    fails: fn() -> Failure,
    asked: AskedKeys,
}

/// The keys that were asked for, and how many answers may be given.
#[derive(Clone)]
struct AskedKeys {
    keys: Arc<Mutex<Vec<CallKey>>>,
    hold: Arc<Semaphore>,
}

impl AskedKeys {
    fn keys(&self) -> Vec<CallKey> {
        self.keys.lock().expect("not poisoned").clone()
    }

    fn first(&self) -> Option<CallKey> {
        self.keys().first().copied()
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

    async fn call(&self, key: CallKey, _: &String) -> Result<(), Failure> {
        self.asked.keys.lock().expect("not poisoned").push(key);
        self.asked.hold.acquire().await?.forget();
        if self.trouble.strikes() { Err((self.fails)()) } else { Ok(()) }
    }

    async fn answered(&self, _: &mut Tx<'_>, car: String, (): ()) -> CallStepResult<Self> {
        Ok(CarRented { car })
    }
}

async fn world(name: &str, fails: fn() -> Failure, answers: usize) -> (TripWorld, AskedKeys) {
    let asked = AskedKeys { keys: Arc::default(), hold: Arc::new(Semaphore::new(answers)) };
    let step = Asks { trouble: Trouble::default().times(1), fails, asked: asked.clone() };
    let cars = Participant::new("cars").saga::<Trip>(|saga| saga.retriable(step));
    (TripWorld::new(name, vec![part(cars, &[])]).await, asked)
}

/// The condition for calls that wait for a pause of this many minutes, at least.
fn waits(minutes: u32, attempts: u32) -> String {
    format!(
        "ballet.call where attempts = {attempts} and last_error is not null and owner = 0
         and next_at > ballet.now() + interval '{minutes} minutes'"
    )
}

#[tokio::test]
async fn a_call_without_an_outcome_yet_is_not_stuck_and_is_made_as_soon_as_there_is_a_hint() {
    let late = || {
        let pause = Duration::from_secs(24 * 60 * 60);
        Failure::not_yet("the car is on its way").again_after(pause)
    };
    let (world, asked) = world("hint", late, 2).await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.until_count("cars", &waits(55, 0), 1).await;
    assert_eq!(world.count("cars", &waits(61, 0)).await, 0, "an hour is the longest pause");
    let long_ago = "update ballet.call set created_at = now() - interval '2 minutes'";
    world.execute("cars", long_ago).await;
    let mut db = world.database("cars").await;
    assert_eq!(stuck::list(&mut db, 100).await.expect("a list"), []);
    assert_eq!(failures::count(&mut db).await.expect("a count"), (0.0, 0.0));

    let key = asked.first().expect("a call");
    let mut unit = world.handle(0).unit().await.expect("a transaction");
    let other: CallKey = CallKey(world.handle(0).new_id());
    assert!(!unit.ask_again(other).await.expect("an answer"), "there is no such call");
    assert!(unit.ask_again(key).await.expect("an answer"));
    unit.commit().await.expect("committed");
    world.event::<CarRented>(saga).await;
    assert_eq!(asked.keys(), [key, key]);
    let mut unit = world.handle(0).unit().await.expect("a transaction");
    assert!(!unit.ask_again(key).await.expect("an answer"), "it is answered");
}

#[tokio::test]
async fn a_hint_that_comes_while_the_call_is_made_is_not_lost() {
    let late = || Failure::not_yet("no outcome").again_after(Duration::from_secs(1800));
    let (world, asked) = world("hint_meanwhile", late, 0).await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    wait_until("the call to be made", SOON, || async { Ok::<_, String>(asked.first()) })
        .await
        .expect("a call");
    let key = asked.first().expect("a call");
    let mut unit = world.handle(0).unit().await.expect("a transaction");
    assert!(unit.ask_again(key).await.expect("an answer"));
    unit.commit().await.expect("committed");
    // The attempt ends with what was true before the hint.
    asked.hold.add_permits(2);
    world.event::<CarRented>(saga).await;
}

#[tokio::test]
async fn a_pause_that_the_other_side_asks_for_is_kept() {
    let busy = || Failure::transient("too many requests").again_after(Duration::from_secs(240));
    let (world, asked) = world("pause", busy, 2).await;
    world.publish(world.new_saga(), &TripBooked { city: "Rome".into() }).await;
    world.until_count("cars", &waits(3, 1), 1).await;
    assert_eq!(asked.keys().len(), 1);
}
