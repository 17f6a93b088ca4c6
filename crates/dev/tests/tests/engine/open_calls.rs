//! Calls to the outside that stay open: the provider is away, or hangs, or there are many.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use ballet::calls::{CallKey, CallStep, CallStepResult, RequestResult, call};
use ballet::{Failure, Look, Migration, Never, Outcome, Participant, Service, Settings, Tx, Watch};
use ballet_stage::{Link, Proxy, wait_until};
use ballet_store::inbox::stuck;
use jiff::SignedDuration;
use sqlx::PgConnection;

use crate::trip::{
    CarRented, CarReturned, HotelRenamed, Rental, RoomBooked, Trip, TripBooked, Trouble, cars,
};
use crate::world::{LONG, TripWorld, part};

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
        Ok(Outcome::Done(CarRented { car }))
    }
}

/// A step whose call fails as often as it has trouble, and is then answered at once.
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
        Ok(Outcome::Done(CarReturned { car: room.to_string() }))
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
async fn t189_a_time_limit_that_is_zero_or_longer_than_an_hour_is_refused_at_the_start() {
    for (participant, said) in
        [(hangs::<0>(0), "its CALL_TIME is 0ns"), (hangs::<{ u64::MAX }>(0), "at most an hour")]
    {
        let settings = Settings::new("amqp://u:p@h/v", "postgres://h/d");
        let error = Service::new(participant).start(settings).await.expect_err("refused");
        let error = error.to_string();
        assert!(error.contains("the step rent_slowly: ") && error.contains(said), "{error}");
    }
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
    // Those that wait for their turn, and have not been claimed, are free for other replicas.
    let mut db = world.database("cars").await;
    assert_eq!(stuck::list(&mut db, 100).await.expect("a list"), []);
    let long_ago =
        "update ballet.call set created_at = now() - interval '2 minutes' where owner = 0";
    // Nobody claims what this transaction has locked.
    sqlx::query("begin").execute(&mut db).await.expect("begun");
    let free = sqlx::query(long_ago).execute(&mut db).await.expect("changed");
    let free = usize::try_from(free.rows_affected()).expect("a count");
    // Four at least: sixteen may be held at a time.
    assert!((4..=18).contains(&free), "{free}");
    let stuck = stuck::list(&mut db, 100).await.expect("a list");
    assert!(stuck.iter().all(|call| call.detail.contains("waits for its turn")), "{stuck:?}");
    assert_eq!(stuck.len(), free);
}

const MANY: i64 = 100_000;
/// For as long as this messages are handled while the calls are open.
const MEANWHILE: Duration = Duration::from_secs(20);
/// How long each of these messages may take, but for one: a machine that has much to do stands still for a moment.
const AT_MOST: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn t189_messages_do_not_wait_while_100_000_calls_wait_for_a_provider_that_is_away() {
    let rental = Rental { trouble: Trouble::default().times(u32::MAX), ..Rental::default() };
    let mut world = TripWorld::prepared("away", vec![part(cars(rental.clone()), &[])]).await;
    let proxy = Proxy::to(world.env.database_url("cars")).await.expect("a proxy");
    let url = proxy.url().to_owned();
    let away = part(cars(rental.clone()), &[]);
    world.start_with(away, |settings| settings.database_url = Some(url)).await;
    // A database in another zone.
    proxy.set(Link::Slow(Duration::from_millis(3)));
    let mut db = world.database("cars").await;
    // They were asked once, by a process that is gone.
    let calls = "insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, \
                 created_at, next_at, attempts, last_error) select gen_random_uuid(), gen_random_uuid(), \
                 'rent_car', '', false, '\"Rome\"', 7777, now(), now(), 1, '503' from generate_series(1, $1)";
    sqlx::query(calls).bind(MANY).execute(&mut db).await.expect("calls");
    world
        .until_count("cars", "(select from ballet.call where attempts > 1 limit 32) as c", 32)
        .await;

    let (begun, before) = (Instant::now(), updates(&mut db).await);
    let (mut took, mut most_held) = (Vec::new(), 0);
    while begun.elapsed() < MEANWHILE {
        let (saga, sent) = (world.new_saga(), Instant::now());
        world.publish(saga, &TripBooked { city: "Rome".into() }).await;
        world.until_count("cars", &format!("ballet.ledger where saga_id = '{saga}'"), 1).await;
        took.push(sent.elapsed());
        most_held =
            most_held.max(world.count("cars", "ballet.call where owner not in (0, 7777)").await);
    }
    let updates = updates(&mut db).await - before;
    took.sort_unstable();
    let [.., second, longest] = took[..] else { panic!("few messages were handled: {took:?}") };
    eprintln!(
        "{} messages, the longest {second:?} and {longest:?}; {updates} updates of calls, {most_held} held",
        took.len()
    );
    assert!(second < AT_MOST, "{second:?} and {longest:?}");
    assert!(updates < 2000, "{updates} updates of calls in {MEANWHILE:?}");
    assert!(most_held <= 64, "{most_held} calls held");

    // The provider is back.
    let _the_same = rental.trouble.clone().times(0);
    let begun = Instant::now();
    wait_until("answers", LONG, || async {
        let answered = world.try_count("cars", "ballet.call where closed_at is not null").await;
        let answered = answered.map_err(|error| error.to_string())?;
        if answered >= MANY / 5 { Ok(Some(())) } else { Err(format!("{answered} answered")) }
    })
    .await
    .expect("answers");
    eprintln!("{} calls were answered in {:?}", MANY / 5, begun.elapsed());
}

/// How often rows of calls were changed. The server counts late, but counts all.
async fn updates(db: &mut PgConnection) -> i64 {
    let counted = "select pg_stat_get_tuples_updated('ballet.call'::regclass)";
    sqlx::query_scalar(counted).fetch_one(db).await.expect("a count")
}

#[tokio::test]
async fn t189_calls_of_a_process_that_is_gone_do_not_wait_for_the_end_of_its_claims() {
    let held = Rental::held();
    let mut world = TripWorld::new("claims", vec![part(cars(held), &[])]).await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.publish(saga, &RoomBooked { room: 7 }).await;
    let claimed = "ballet.call where owner <> 0 and next_at > ballet.now() + interval '30 seconds'";
    world.until_count("cars", claimed, 1).await;
    drop(world.services.pop());
    world.start(part(cars(Rental::default()), &[])).await;
    let begun = Instant::now();
    world.event::<CarRented>(saga).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    world.until_count("cars", "ballet.process_lease", 1).await;
}

#[tokio::test]
async fn t189_a_clock_that_jumped_ahead_and_back_strands_no_call() {
    let rental = Rental { trouble: Trouble::default().times(u32::MAX), ..Rental::default() };
    let world = TripWorld::new("jumped", vec![part(cars(rental.clone()), &[])]).await;
    world.let_pass("cars", 1).await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.publish(saga, &RoomBooked { room: 7 }).await;
    let failed = "ballet.call where next_at > clock_timestamp() + interval '12 hours' and owner = 0 \
                  and attempts > 2";
    world.until_count("cars", failed, 1).await;
    world.let_pass("cars", 0).await;
    let _the_same = rental.trouble.clone().times(0);
    let begun = Instant::now();
    world.event::<CarRented>(saga).await;
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// It finds the room free at its first look, which names a time that is over, and at its third of five, after the
/// second said that it is booked.
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
