//! Looks of a watch that take long, beside other work of the service.

use std::time::{Duration, Instant};

use ballet::{Failure, Look, Participant, Tx, Watch};
use jiff::SignedDuration;

use crate::open_calls::Answers;
use crate::trip::{CarRented, CarReturned, RoomBooked, Trip, TripBooked, Trouble};
use crate::world::{TripWorld, part};

/// More steps than are looked at in parallel, so that there is always another one to look at.
const OPEN: i64 = 24;
/// How often the call fails before it is answered.
const FAILURES: u32 = 4;

/// Each of its looks takes nearly all of the time that it has.
struct Crawls;

impl Watch for Crawls {
    const NAME: &'static str = "watch_car";
    type On = TripBooked;
    type Done = CarRented;

    async fn begin(&self, _: &mut Tx<'_>, _: TripBooked) -> Result<(), Failure> {
        Ok(())
    }

    async fn look(&self, tx: &mut Tx<'_>) -> Result<Look<CarRented>, Failure> {
        sqlx::query("select pg_sleep(4)").execute(tx.db()).await?;
        Ok(Look::Open(SignedDuration::from_secs(1)))
    }
}

#[tokio::test]
async fn looks_that_take_long_hold_up_nothing_else() {
    let trouble = Trouble::default().times(FAILURES);
    let cars = Participant::new("cars")
        .saga::<Trip>(|saga| saga.watches(Crawls).retriable(Answers(trouble)));
    let world = TripWorld::new("slow_looks", vec![part(cars, &[])]).await;
    for _ in 0..OPEN {
        world.publish(world.new_saga(), &TripBooked { city: "Rome".into() }).await;
    }
    world.until_count("cars", "ballet.call where closed_at is null", OPEN).await;
    let begun = Instant::now();
    let saga = world.new_saga();
    world.publish(saga, &RoomBooked { room: 7 }).await;
    world.event::<CarReturned>(saga).await;
    // To note a failure and to claim the call again takes a connection each.
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
}
