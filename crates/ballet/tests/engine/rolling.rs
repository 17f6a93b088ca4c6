//! A new version of a service takes the place of the old one under load, replica by replica, and
//! is taken back: both work side by side, and nothing is lost or doubled.

use std::time::{Duration, Instant};

use ballet::{Failure, Migration, Participant, Projection, Tx};
use ballet_stage::{Servers, wait_until};

use crate::restarts::{Customers, SAGAS, all_ended_once, everybody};
use crate::trip::{HOTEL_TABLES, TripBooked, Trouble, hotel};
use crate::world::{LONG, Part, World, part};

/// The time that a stop may take here: its limit, and as much again on a busy machine.
const STOPPED: Duration = Duration::from_secs(40);

/// The next version has one table more, and one more handler of an event that the old one takes.
const NEXT_TABLES: &[Migration] = &[
    HOTEL_TABLES[0],
    Migration { name: "0002_guest", sql: "create table guest (city text not null)" },
];

struct Guests;

impl Projection for Guests {
    const NAME: &'static str = "guests";
    type On = TripBooked;

    async fn apply(&self, tx: &mut Tx<'_>, trip: TripBooked) -> Result<(), Failure> {
        sqlx::query("insert into guest values ($1)").bind(trip.city).execute(tx.db()).await?;
        Ok(())
    }
}

fn old() -> Participant {
    hotel(Trouble::default())
}

/// Starts one more replica of the hotel and then stops the oldest, which has to end in time.
async fn replace_oldest(world: &mut World, by: Part) {
    // Behind the desk: at the second place.
    world.start(by).await;
    let oldest = world.services.remove(1);
    let begun = Instant::now();
    oldest.stop().await;
    assert!(begun.elapsed() < STOPPED, "{:?}", begun.elapsed());
}

async fn guests(world: &World, least: i64) -> i64 {
    wait_until("guests of the new version", LONG, || async {
        let guests = world.count("hotel", "guest").await;
        if guests >= least { Ok(Some(guests)) } else { Err(format!("{guests} of {least}")) }
    })
    .await
    .expect("guests")
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_a_new_version_replaces_the_old_one_and_is_taken_back_under_load() {
    let servers = Servers::shared().await.expect("servers");
    let mut world = everybody(servers, "rolling").await;
    // The cars stay where they are; behind the desk come three hotels.
    let cars = world.services.pop().expect("cars");
    for _ in 0..2 {
        world.start(part(old(), HOTEL_TABLES)).await;
    }
    let customers = Customers::come(world.handle(0));
    customers.booked(SAGAS).await;
    let mut known = 0;
    for _ in 0..3 {
        replace_oldest(&mut world, part(old().projects(Guests), NEXT_TABLES)).await;
        known = guests(&world, known + 1).await;
    }
    // Back to the old version, which does not know the new table.
    for _ in 0..3 {
        replace_oldest(&mut world, part(old(), HOTEL_TABLES)).await;
    }
    let last = world.count("hotel", "guest").await;
    customers.booked(SAGAS).await;
    world.services.push(cars);
    all_ended_once(&world, customers.leave().await).await;
    let trips = world.count("desk", "trip").await;
    let after = world.count("hotel", "guest").await;
    assert_eq!(after, last, "nobody of the new version is left");
    assert!(after < trips, "{after} of {trips} trips were seen by the new version");
}
