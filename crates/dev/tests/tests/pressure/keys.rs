//! A bulk step whose key panics.

use ballet::bulk::{BulkResult, BulkTx, Item};
use ballet::{Never, Outcome, Participant, Retry, Step};
use ballet_testkit::memory::until;

use crate::stage::{PressureStage, RoomBooked, Trip, TripBooked};

struct BadKey;

impl Step for BadKey {
    const NAME: &'static str = "book_room";
    const TOGETHER: bool = true;
    type On = TripBooked;
    type Done = RoomBooked;
    type Refused = Never;
    const RETRY: Retry = Retry::at_once(1);

    fn key(trip: &TripBooked) -> Option<String> {
        Some(trip.city.strip_prefix("city of ").expect("a city begins so").to_owned())
    }

    async fn run_all(&self, tx: &mut BulkTx<'_>, trips: Vec<Item<TripBooked>>) -> BulkResult<Self> {
        sqlx::query(
            "insert into room (saga_id, city) select * from unnest($1::uuid[], $2::text[])",
        )
        .bind(trips.iter().map(|trip| trip.saga_id.0).collect::<Vec<_>>())
        .bind(trips.iter().map(|trip| trip.city.clone()).collect::<Vec<_>>())
        .execute(tx.db())
        .await?;
        let booked = |trip: Item<TripBooked>| RoomBooked { city: trip.event.city };
        Ok(trips.into_iter().map(booked).map(Outcome::Done).collect())
    }
}

fn hotel() -> Participant {
    Participant::new("hotel").saga::<Trip>(|saga| saga.retriable(BadKey))
}

#[tokio::test(flavor = "multi_thread")]
async fn t185_a_key_that_panics_costs_only_its_own_message() {
    let stage = PressureStage::new("bad_key", &hotel()).await;
    for at in 0..41 {
        stage.book(if at == 20 { "Oslo" } else { "city of Rome" });
    }
    let running = stage.start(hotel()).await;
    stage.until_count("room", 40).await;
    until("the dead letter", || stage.dead_letters().len(), 1).await;
    let (city, detail) = stage.dead_letters().remove(0);
    assert_eq!(city, "Oslo");
    assert!(detail.contains("panicked: a city begins so"), "{detail}");
    // The service goes on.
    stage.book("city of Rome");
    stage.until_count("room", 41).await;
    running.stop().await;
}
