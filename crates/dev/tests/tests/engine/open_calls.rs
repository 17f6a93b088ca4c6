//! Calls that stay open: the provider is unavailable or hangs, or there are many.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use ballet::calls::{CallKey, CallStep, CallStepResult, RequestResult, call};
use ballet::{Failure, Look, Migration, Never, Participant, Tx, Watch};
use ballet_store::inbox::stuck;
use jiff::SignedDuration;

use crate::trip::{CarRented, CarReturned, HotelRenamed, RoomBooked, Trip, TripBooked, Trouble};
use crate::world::{TripWorld, part};

/// A step whose call does not return as often as it has trouble.
struct Hangs<const MILLIS: u64> {
    trouble: Trouble,
}

impl<const MILLIS: u64> CallStep for Hangs<MILLIS> {
    const NAME: &'static str = "rent_slowly";
    const CALL_TIME: Duration = Duration::from_millis(MILLIS);
    type On = TripBooked;
    type Done = CarRented;
    type Refused = Never;
    type Request = String;
    type Answer = ();

    async fn request(&self, _: &mut Tx<'_>, trip: TripBooked) -> RequestResult<Self> {
        call(trip.city)
    }

    async fn call(&self, _: CallKey, _: &String) -> Result<(), Failure> {
        if self.trouble.strikes() {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn answered(&self, _: &mut Tx<'_>, car: String, (): ()) -> CallStepResult<Self> {
        Ok(CarRented { car })
    }
}

/// A step whose call fails as often as it has trouble, and is then answered.
pub(crate) struct Answers(pub(crate) Trouble);

impl CallStep for Answers {
    const NAME: &'static str = "return_car";
    type On = RoomBooked;
    type Done = CarReturned;
    type Refused = Never;
    type Request = i64;
    type Answer = ();

    async fn request(&self, _: &mut Tx<'_>, booked: RoomBooked) -> RequestResult<Self> {
        call(booked.room)
    }

    async fn call(&self, _: CallKey, _: &i64) -> Result<(), Failure> {
        if self.0.strikes() { Err(Failure::transient("the line was cut")) } else { Ok(()) }
    }

    async fn answered(&self, _: &mut Tx<'_>, room: i64, (): ()) -> CallStepResult<Self> {
        Ok(CarReturned { car: room.to_string() })
    }
}

fn hangs<const MILLIS: u64>(times: u32) -> Participant {
    let step = Hangs::<MILLIS> { trouble: Trouble::default().times(times) };
    let answers = Answers(Trouble::default());
    Participant::new("cars").saga::<Trip>(|saga| saga.retriable(step).retriable(answers))
}

#[tokio::test]
async fn t189_a_call_that_hangs_is_cut_at_its_time_limit_and_made_again() {
    let world = TripWorld::new("hangs", vec![part(hangs::<300>(1), &[])]).await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    let begun = Instant::now();
    world.event::<CarRented>(saga).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let cut = "ballet.call where attempts = 1 and last_error like '%no answer within 300ms%'";
    assert_eq!(world.count("cars", cut).await, 1);
}

#[tokio::test]
async fn t189_a_provider_that_hangs_does_not_hold_up_the_calls_of_another_step() {
    let mut world = TripWorld::prepared("line", vec![part(hangs::<30_000>(u32::MAX), &[])]).await;
    world.start_with(part(hangs::<30_000>(u32::MAX), &[]), |settings| settings.calls = 2).await;
    for _ in 0..20 {
        world.publish(world.new_saga(), &TripBooked { city: "Rome".into() }).await;
    }
    world.until_count("cars", "ballet.call where closed_at is null", 20).await;
    let begun = Instant::now();
    let saga = world.new_saga();
    world.publish(saga, &RoomBooked { room: 7 }).await;
    world.event::<CarReturned>(saga).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // Those that wait unclaimed are free for other replicas.
    let mut db = world.database("cars").await;
    assert_eq!(stuck::list(&mut db, 100).await.expect("a list"), []);
    let long_ago =
        "update ballet.call set created_at = now() - interval '2 minutes' where owner = 0";
    // Nobody claims what this transaction has locked.
    sqlx::query("begin").execute(&mut db).await.expect("begun");
    let free = sqlx::query(long_ago).execute(&mut db).await.expect("changed");
    let free = usize::try_from(free.rows_affected()).expect("a count");
    // At most sixteen are held at a time.
    assert!((4..=18).contains(&free), "{free}");
    let stuck = stuck::list(&mut db, 100).await.expect("a list");
    assert!(stuck.iter().all(|call| call.detail.contains("waits for its turn")), "{stuck:?}");
    assert_eq!(stuck.len(), free);
}

/// It reports the room free at the first look, whose time is over, and at the third of five, after the second
/// reported it booked.
#[derive(Default)]
struct Wavers {
    looks: AtomicI64,
}

impl Watch for Wavers {
    const NAME: &'static str = "watch_room";
    type On = TripBooked;
    type Done = RoomBooked;

    async fn begin(&self, _: &mut Tx<'_>, _: TripBooked) -> Result<(), Failure> {
        Ok(())
    }

    async fn look(&self, tx: &mut Tx<'_>) -> Result<Look<RoomBooked>, Failure> {
        let room = self.looks.fetch_add(1, Ordering::SeqCst) + 1;
        sqlx::query("insert into looked values ($1)").bind(room).execute(tx.db()).await?;
        tx.publish(&HotelRenamed { name: room.to_string() }).await?;
        Ok(match room {
            1 => Look::Open(SignedDuration::from_hours(-1)),
            3 => Look::Open(SignedDuration::ZERO),
            _ => Look::Over(RoomBooked { room }),
        })
    }
}

#[tokio::test]
async fn what_a_watch_writes_and_publishes_is_kept_only_by_the_look_that_finds_it_over() {
    const TABLES: &[Migration] =
        &[Migration { name: "0001_looked", sql: "create table looked (look bigint not null)" }];
    let hotel = Participant::new("hotel")
        .saga::<Trip>(|saga| saga.watches(Wavers::default()))
        .publishes::<HotelRenamed>();
    let world = TripWorld::new("wavers", vec![part(hotel, TABLES)]).await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    let RoomBooked { room } = world.event(saga).await;
    assert_eq!(room, 5);
    let kept = format!("looked where look = {room}");
    assert_eq!((world.count("hotel", "looked").await, world.count("hotel", &kept).await), (1, 1));
    assert_eq!(world.all_events::<HotelRenamed>().await, [HotelRenamed { name: "5".into() }]);
}
