//! A statement that crashes the server of the database, and a server that goes away by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballet::calls::{CallKey, CallStep, CallStepResult, RequestResult, call};
use ballet::{Failure, Never, Participant, Retry, Settings, Step, StepResult, Tx, done};
use ballet_stage::Postgres;
use ballet_testkit::memory::until;
use reqwest::Url;
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::Semaphore;

use crate::stage::{BOOK, PressureStage, RoomBooked, Trip, TripBooked};

/// Kills the server process of its caller, whom the server then takes for crashed: it ends all sessions,
/// and recovers.
const CRASH: &str =
    "create or replace function crash() returns void language plpgsql security definer as $$
    begin copy (select 1) to program 'kill -9 $PPID'; end $$";

#[derive(Clone)]
struct Guest {
    /// How often the crash was ordered.
    crashes: Arc<AtomicUsize>,
    /// How often somebody was at the door, and who may go in.
    at_the_door: Arc<AtomicUsize>,
    door: Arc<Semaphore>,
}

impl Guest {
    fn new() -> Self {
        let (crashes, at_the_door) = (Arc::default(), Arc::default());
        Self { crashes, at_the_door, door: Arc::new(Semaphore::new(0)) }
    }

    fn hotel(&self) -> Participant {
        let guest = self.clone();
        Participant::new("hotel").saga::<Trip>(move |saga| saga.retriable(guest))
    }
}

impl Step for Guest {
    const NAME: &'static str = "book_room";
    type On = TripBooked;
    type Done = RoomBooked;
    type Refused = Never;
    const RETRY: Retry = Retry::at_once(2);

    async fn run(&self, tx: &mut Tx<'_>, trip: TripBooked) -> StepResult<Self> {
        let saga = tx.saga_id().map(|saga| saga.0);
        match trip.city.as_str() {
            "crash" => {
                self.crashes.fetch_add(1, Ordering::SeqCst);
                tx.db().execute("select crash()").await?;
            }
            "crash late" => {
                tx.db().execute("select pg_sleep(0.3)").await?;
                tx.db().execute("select crash()").await?;
            }
            "slow" => {
                tx.db().execute("select pg_sleep(1)").await?;
            }
            "door" => {
                self.at_the_door.fetch_add(1, Ordering::SeqCst);
                self.door.acquire().await?.forget();
            }
            _ => {}
        }
        sqlx::query(BOOK).bind(saga).bind(&trip.city).execute(tx.db()).await?;
        done(RoomBooked { city: trip.city })
    }
}

/// Creates the function as an administrator, whose connection it returns.
pub(crate) async fn let_crash(postgres: &Postgres, stage: &PressureStage) -> PgConnection {
    let mut url = Url::parse(postgres.url()).expect("a URL");
    url.set_path(Url::parse(stage.url()).expect("a URL").path());
    let mut operator = PgConnection::connect(url.as_str()).await.expect("connected");
    operator.execute(CRASH).await.expect("a function");
    operator
}

#[tokio::test(flavor = "multi_thread")]
async fn t185_a_statement_that_crashes_the_server_fails_by_itself() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let guest = Guest::new();
    let stage = PressureStage::on(&postgres, "crash", &guest.hotel()).await;
    let_crash(&postgres, &stage).await;
    // All are there when the lanes take their first batches.
    for trip in 0..200 {
        stage.book(if trip == 70 { "crash" } else { "Rome" });
    }
    let lanes = |settings: &mut Settings| settings.lanes = 3;
    let running = stage.start_with(guest.hotel(), |_| axum::Router::new(), lanes).await;
    stage.until_count("room", 199).await;
    until("a dead letter", || stage.dead_letters().len(), 1).await;
    let (city, detail) = stage.dead_letters().remove(0);
    assert!(city == "crash" && detail.starts_with("failed: "), "{city}: {detail}");
    assert_eq!(stage.put_off(), 0, "nobody else has failed");
    // With its batch, with its batch again, and alone. Its connection may also be lost before. Where it
    // is not seen who lost it, the batch is halved, at most seven times.
    let crashes = guest.crashes.load(Ordering::SeqCst);
    assert!((1..=9).contains(&crashes), "{crashes} crashes");
    // It is forgotten, and the service goes on.
    stage.book("Oslo");
    stage.until_count("room where city = 'Oslo'", 1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t185_who_is_at_work_on_another_lane_during_each_crash_is_not_charged() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let guest = Guest::new();
    let stage = PressureStage::on(&postgres, "crash_beside", &guest.hotel()).await;
    let_crash(&postgres, &stage).await;
    // One on each of two lanes.
    let mut sagas = [stage.new_saga(), stage.new_saga()];
    while sagas[0].0.as_u128() % 2 == sagas[1].0.as_u128() % 2 {
        sagas[1] = stage.new_saga();
    }
    for (saga, city) in sagas.into_iter().zip(["crash late", "slow"]) {
        stage.put(saga, &TripBooked { city: city.to_owned() });
    }
    let lanes = |settings: &mut Settings| settings.lanes = 2;
    let running = stage.start_with(guest.hotel(), |_| axum::Router::new(), lanes).await;
    stage.until_count("room where city = 'slow'", 1).await;
    until("a dead letter", || stage.dead_letters().len(), 1).await;
    assert_eq!(stage.dead_letters()[0].0, "crash late");
    assert_eq!(stage.put_off(), 0);
    running.stop().await;
}

/// A step whose request, or whose handling of the answer, has a statement that crashes the server.
#[derive(Clone, Default)]
pub(crate) struct Pays(Arc<AtomicUsize>);

impl CallStep for Pays {
    const NAME: &'static str = "book_room";
    type On = TripBooked;
    type Done = RoomBooked;
    type Refused = Never;
    type Request = String;
    type Answer = ();
    const RETRY: Retry = Retry::at_once(2);

    async fn request(&self, tx: &mut Tx<'_>, trip: TripBooked) -> RequestResult<Self> {
        if trip.city == "crash at once" {
            tx.db().execute("select crash()").await?;
        }
        call(trip.city)
    }

    async fn call(&self, _: CallKey, _: &String) -> Result<(), Failure> {
        Ok(())
    }

    async fn answered(&self, tx: &mut Tx<'_>, city: String, (): ()) -> CallStepResult<Self> {
        if city == "crash" {
            self.0.fetch_add(1, Ordering::SeqCst);
            tx.db().execute("select crash()").await?;
        }
        let saga = tx.saga_id().map(|saga| saga.0);
        sqlx::query(BOOK).bind(saga).bind(&city).execute(tx.db()).await?;
        done(RoomBooked { city })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t211_an_answer_whose_statement_crashes_the_server_is_set_aside() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let pays = Pays::default();
    let crashes = Arc::clone(&pays.0);
    let hotel = || Participant::new("hotel").saga::<Trip>(|saga| saga.retriable(pays.clone()));
    let stage = PressureStage::on(&postgres, "crash_answer", &hotel()).await;
    let_crash(&postgres, &stage).await;
    let running = stage.start(hotel()).await;
    stage.book("crash");
    let aside = "ballet.call where next_at = 'infinity' and closed_at is null";
    stage.until_hurried(aside, ("ballet.call", "next_at")).await;
    let tried = crashes.load(Ordering::SeqCst);
    // Not at once: while a disk is full, the server crashes under whatever writes.
    assert!((4..=16).contains(&tried), "{tried} crashes");
    // The others go on, and it does not come again by itself.
    stage.book("Oslo");
    stage.until_count("room where city = 'Oslo'", 1).await;
    assert_eq!(crashes.load(Ordering::SeqCst), tried);
    let stuck =
        ballet_store::inbox::stuck::list(&mut stage.connect().await, 10).await.expect("a list");
    assert!(stuck.len() == 1 && stuck[0].next_at.is_none(), "{stuck:?}");
    // Once the cause is mended, a person has it tried again.
    stage.execute("update ballet.call set next_at = now(), request = '\"Bern\"'").await;
    stage.until_count("room where city = 'Bern'", 1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_twice_charges_nobody() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let guest = Guest::new();
    let stage = PressureStage::on(&postgres, "goes_away", &guest.hotel()).await;
    let running = stage.start(guest.hotel()).await;
    for _ in 0..9 {
        stage.book("Rome");
    }
    stage.book("door");
    for time in 1..=2 {
        until("somebody at the door", || guest.at_the_door.load(Ordering::SeqCst), time).await;
        postgres.kill().await.expect("killed");
        guest.door.add_permits(1);
        postgres.start().await.expect("started");
    }
    until("once more", || guest.at_the_door.load(Ordering::SeqCst), 3).await;
    guest.door.add_permits(1);
    stage.until_count("room", 10).await;
    assert_eq!((stage.dead_letters(), stage.put_off()), (Vec::new(), 0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t209_a_server_that_is_started_anew_any_number_of_times_charges_nobody() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let guest = Guest::new();
    let stage = PressureStage::on(&postgres, "restarts", &guest.hotel()).await;
    let running = stage.start(guest.hotel()).await;
    for _ in 0..9 {
        stage.book("Rome");
    }
    stage.until_count("room", 9).await;
    stage.book("door");
    for time in 1..=4 {
        until("somebody at the door", || guest.at_the_door.load(Ordering::SeqCst), time).await;
        postgres.kill().await.expect("killed");
        guest.door.add_permits(1);
        postgres.start().await.expect("started");
        if time == 3 {
            // It waits, and comes back as it is after some seconds.
            until("in a retry queue", || stage.put_off(), 1).await;
            let mut copies = stage.broker.taken();
            copies.retain(|copy| copy.exchange.starts_with("retry"));
            let mut copy = copies.remove(0);
            copy.exchange = String::new();
            stage.broker.put(&copy);
        }
    }
    until("once more", || guest.at_the_door.load(Ordering::SeqCst), 5).await;
    guest.door.add_permits(1);
    stage.until_count("room", 10).await;
    assert_eq!((stage.dead_letters(), stage.put_off()), (Vec::new(), 1));
    running.stop().await;
}
