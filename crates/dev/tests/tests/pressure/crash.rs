//! A statement that crashes the server of the database, and a server that goes away by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballet::{Never, Participant, Retry, Step, StepResult, Tx, done};
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

/// Creates the function as an administrator.
async fn let_crash(postgres: &Postgres, stage: &PressureStage) {
    let mut url = Url::parse(postgres.url()).expect("a URL");
    url.set_path(Url::parse(stage.url()).expect("a URL").path());
    let mut operator = PgConnection::connect(url.as_str()).await.expect("connected");
    operator.execute(CRASH).await.expect("a function");
}

#[tokio::test(flavor = "multi_thread")]
async fn t185_a_statement_that_crashes_the_server_costs_its_neighbours_only_time() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let guest = Guest::new();
    let stage = PressureStage::on(&postgres, "crash", &guest.hotel()).await;
    let_crash(&postgres, &stage).await;
    // All are there when the lane takes its first batch.
    for trip in 0..200 {
        stage.book(if trip == 70 { "crash" } else { "Rome" });
    }
    let running = stage.start(guest.hotel()).await;
    stage.until_count("room", 199).await;
    // A server is also restarted for other reasons: the message waits in a retry queue for about an hour in all.
    until("in a retry queue", || stage.put_off(), 1).await;
    assert_eq!(stage.dead_letters(), Vec::new());
    // With its batch, with its batch again, and alone. Where it is not seen who lost the connection, the batch is
    // halved, at most seven times.
    let crashes = guest.crashes.load(Ordering::SeqCst);
    assert!((1..=9).contains(&crashes), "{crashes} crashes");
    stage.book("Oslo");
    stage.until_count("room where city = 'Oslo'", 1).await;
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
