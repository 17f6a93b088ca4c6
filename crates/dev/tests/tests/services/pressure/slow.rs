//! Slow handlers, and what waits for their sagas meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballet::calls::{CallKey, CallStep, CallStepResult, RequestResult, call};
use ballet::{Does, Failure, Never, Participant, SagaId, Tx, done};
use sqlx::Executor;
use tokio::sync::Semaphore;

use crate::bulk::together::Together;
use crate::pressure::stage::{BOOK, PressureStage, RoomBooked, Trip, TripBooked};

#[derive(Clone, Default)]
struct Slow {
    booked: Arc<AtomicUsize>,
}

#[ballet::service("hotel", saga = Trip)]
impl Slow {
    #[retriable]
    async fn book_room(&self, tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        let saga = tx.saga_id().map(|saga| saga.0);
        sqlx::query(BOOK).bind(saga).bind(&trip.city).execute(tx.db()).await?;
        tx.db().execute("select pg_sleep(0.1)").await?;
        self.booked.fetch_add(1, Ordering::SeqCst);
        done(RoomBooked { city: trip.city })
    }
}

/// Asks outside, and takes the answers in slowly.
#[derive(Clone)]
struct SlowAnswers {
    asked: Arc<Semaphore>,
    booked: Arc<AtomicUsize>,
}

impl CallStep for SlowAnswers {
    const NAME: &'static str = "book_room";
    type On = TripBooked;
    type Done = RoomBooked;
    type Refused = Never;
    type Request = String;
    type Answer = ();

    async fn request(&self, _: &mut Tx<'_>, trip: TripBooked) -> RequestResult<Self> {
        call(trip.city)
    }

    async fn call(&self, _: CallKey, _: &String) -> Result<(), Failure> {
        self.asked.acquire().await?.forget();
        Ok(())
    }

    async fn answered(&self, tx: &mut Tx<'_>, city: String, (): ()) -> CallStepResult<Self> {
        let saga = tx.saga_id().map(|saga| saga.0);
        sqlx::query(BOOK).bind(saga).bind(&city).execute(tx.db()).await?;
        tx.db().execute("select pg_sleep(0.1)").await?;
        self.booked.fetch_add(1, Ordering::SeqCst);
        done(RoomBooked { city })
    }
}

/// The maximum number of steps in one transaction, whose rows all have one time. Its duration says nothing on a busy
/// machine.
const MOST_AT_ONCE: &str = "select max(steps) from (select count(*) as steps from ballet.ledger \
    where entry = 'done' group by recorded_at) as of_one";

/// Returns the maximum that one transaction booked.
async fn most_at_once_until(stage: &PressureStage, rooms: i64) -> i64 {
    stage.until_count("room", rooms).await;
    let most = sqlx::query_scalar(MOST_AT_ONCE).fetch_one(&mut stage.connect().await).await;
    most.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn t191_a_batch_of_slow_handlers_commits_and_goes_on_with_the_rest() {
    let slow = Slow::default();
    let stage = PressureStage::new("slow_steps", slow.clone().participant()).await;
    let sagas = stage.book_many(60);
    let running = stage.start(slow.clone().participant()).await;
    stage.until_count("(select from room limit 1) as one", 1).await;
    // A request for a saga in the middle of the queue does not wait for earlier messages.
    let unit = running.handle().saga_unit(sagas[40]).await.expect("the saga's lock");
    assert!(stage.count("room").await < 40, "it has waited for all those before it");
    assert_eq!(stage.count(&format!("room where saga_id = '{}'", sagas[40])).await, 0);
    unit.commit().await.expect("committed");
    let most = most_at_once_until(&stage, 60).await;
    assert!(most < 20, "{most} in one transaction");
    assert_eq!(slow.booked.load(Ordering::SeqCst), 60);
    let booked: Vec<(uuid::Uuid,)> = sqlx::query_as("select saga_id from room order by room")
        .fetch_all(&mut stage.connect().await)
        .await
        .expect("rooms");
    let booked: Vec<SagaId> = booked.into_iter().map(|(saga,)| SagaId(saga)).collect();
    assert_eq!(booked, sagas);
    assert_eq!(stage.count("ballet.inbox").await, 60);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t191_runs_of_a_slow_bulk_step_become_short() {
    let slow = Slow::default();
    let hotel = || {
        let step = Together::new(BookRoom(Arc::new(slow.clone())), &Arc::default());
        Participant::new("hotel").saga::<Trip>(|saga| saga.retriable(step))
    };
    let stage = PressureStage::new("slow_bulk", hotel()).await;
    stage.book_many(20);
    let running = stage.start(hotel()).await;
    // A run that has begun is not cut, but what it took is known from then on.
    stage.until_count("room", 20).await;
    stage.book_many(40);
    let most = most_at_once_until(&stage, 60).await;
    assert!(most <= 20, "{most} in one transaction");
    assert_eq!(slow.booked.load(Ordering::SeqCst), 60, "each ran once");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t191_answers_that_did_not_fit_into_a_turn_are_taken_in_once() {
    let asked = Arc::new(Semaphore::new(0));
    let slow = SlowAnswers { asked: Arc::clone(&asked), booked: Arc::default() };
    let hotel = || {
        let slow = slow.clone();
        Participant::new("hotel").saga::<Trip>(move |saga| saga.retriable(slow))
    };
    let stage = PressureStage::new("slow_answers", hotel()).await;
    let running = stage.start(hotel()).await;
    stage.book_many(30);
    stage.until_count("ballet.call where closed_at is null", 30).await;
    asked.add_permits(30);
    stage.until_count("ballet.call where closed_at is not null", 30).await;
    assert_eq!(slow.booked.load(Ordering::SeqCst), 30, "each was taken in once");
    assert_eq!(stage.count("room").await, 30);
    assert_eq!(stage.count("ballet.ledger where entry = 'done'").await, 30);
    running.stop().await;
}
