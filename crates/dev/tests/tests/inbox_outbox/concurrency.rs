//! Transactions that meet.

use std::sync::Arc;

use ballet::{Failure, Migration, Participant, Projection, Tx};
use ballet_testkit::memory::until;
use tokio::sync::Semaphore;

use crate::notes::{Notes, TABLES, renamed};
use crate::stage::OutboxStage;
use crate::trip::{HotelRenamed, Rental, RoomBooked, TripBooked, cars};

#[tokio::test]
async fn t63_a_deadlock_and_a_serialization_failure_are_nobodys_failure() {
    let notes = Notes::default();
    let stage = OutboxStage::new("conflicts", &[notes.guide()]).await;
    let _running = stage.start(notes.guide(), TABLES).await;
    for (handled, code) in (1..).zip(["40P01", "40001"]) {
        // A failure of the handler's own would be a dead letter after three attempts.
        let _ = notes.trouble.clone().times(3);
        stage.put(&stage.new_id(), None, &renamed(code));
        stage.until_settled("guide").await;
        assert_eq!(notes.entered(), 4 * handled);
        assert_eq!(stage.copies(), 0, "at once, and not by way of a retry queue");
    }
    assert_eq!(stage.count("guide", "note").await, 2);
}

/// Counts by reading and writing back, with a version.
struct Counts {
    read: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
}

const COUNTER: &[Migration] = &[Migration {
    name: "0001_counter",
    sql: "create table counter as select 0 as count, 0 as version",
}];

impl Projection for Counts {
    const NAME: &'static str = "counts";
    type On = HotelRenamed;

    async fn apply(&self, tx: &mut Tx<'_>, _: HotelRenamed) -> Result<(), Failure> {
        let (count, version): (i32, i32) =
            sqlx::query_as("select count, version from counter").fetch_one(tx.db()).await?;
        self.read.add_permits(1);
        self.go_on.acquire().await?.forget();
        let written =
            sqlx::query("update counter set count = $1 + 1, version = $2 + 1 where version = $2")
                .bind(count)
                .bind(version)
                .execute(tx.db())
                .await?;
        if written.rows_affected() == 1 {
            return Ok(());
        }
        Err(Failure::transient("somebody else counted"))
    }
}

#[tokio::test]
async fn t64_of_two_updates_of_one_version_one_is_done_again_and_none_is_lost() {
    let (read, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let counts = || {
        let counts = Counts { read: Arc::clone(&read), go_on: Arc::clone(&go_on) };
        Participant::new("guide").projects(counts)
    };
    let stage = OutboxStage::new("versions", &[counts()]).await;
    let _running = stage.start(counts(), COUNTER).await;
    stage.put(&stage.new_id(), None, &renamed("Ritz"));
    read.acquire().await.expect("open").forget();
    stage.execute("guide", "update counter set count = count + 1, version = version + 1").await;
    go_on.add_permits(2);
    stage.until_settled("guide").await;
    assert_eq!(read.available_permits(), 1, "it ran once more");
    assert_eq!(stage.count("guide", "counter where count = 2 and version = 2").await, 1);
    assert_eq!(stage.copies(), 0);
}

#[tokio::test]
async fn t65_two_first_events_of_a_saga_at_the_same_time_are_both_applied() {
    const SAGAS: usize = 20;
    let rental = Rental::default();
    let stage = OutboxStage::new("first_two", &[cars(rental.clone())]).await;
    let _replicas = [
        stage.start(cars(rental.clone()), &[]).await,
        stage.start(cars(rental.clone()), &[]).await,
    ];
    until("two consumers", || stage.broker.connections().len(), 4).await;
    for _ in 0..SAGAS {
        // The broker gives them to the two replicas in turn.
        let saga = Some(stage.new_saga());
        stage.put(&stage.new_id(), saga, &TripBooked { city: "Rome".into() });
        stage.put(&stage.new_id(), saga, &RoomBooked { room: 1 });
    }
    stage.until_settled("cars").await;
    until("a call for each", || rental.asked().len(), SAGAS).await;
    stage.until_count("cars", "ballet.ledger where entry = 'done'", 20).await;
    assert_eq!(stage.count("cars", "ballet.ledger where entry = 'calling'").await, 20);
    assert_eq!(rental.asked().len(), SAGAS);
}
