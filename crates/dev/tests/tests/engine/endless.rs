//! A compensation that fails for longer than any memory lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ballet::{Clock, Does, Failure, SagaId, Tx, Undoes, compensated, done};
use ballet_stage::wait_until;
use ballet_store::inbox::stuck;

use crate::lifecycle::work_at_all_times;
use crate::trip::{
    HOTEL_TABLES, RoomBooked, RoomFreed, RoomRefused, Trip, TripBooked, TripCancelled,
};
use crate::world::{SOON, TripWorld, WorldPart, part};

/// A hotel that does not take back its rooms while it is closed.
#[derive(Clone, Default)]
struct ClosedHotel {
    closed: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

#[ballet::service("hotel", saga = Trip)]
impl ClosedHotel {
    #[compensatable(undo = free_room)]
    async fn book_room(tx: &mut Tx<'_>, _: TripBooked) -> Does<RoomBooked, RoomRefused> {
        let saga = tx.saga_id().map(|saga| saga.0);
        let insert = sqlx::query("insert into room (saga_id) values ($1)").bind(saga);
        insert.execute(tx.db()).await?;
        done(RoomBooked { room: 1 })
    }

    async fn free_room(&self, tx: &mut Tx<'_>, _: RoomBooked) -> Undoes<RoomFreed> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.closed.load(Ordering::SeqCst) {
            return Err(Failure::transient("the hotel is closed for the season"));
        }
        sqlx::query("update room set freed = true").execute(tx.db()).await?;
        compensated(RoomFreed { room: 1 })
    }
}

impl ClosedHotel {
    fn part(&self) -> WorldPart {
        part(self.clone().participant(), HOTEL_TABLES)
    }

    async fn until_asked_again(&self) {
        let before = self.asked.load(Ordering::SeqCst);
        wait_until("another attempt", SOON, || async {
            let asked = self.asked.load(Ordering::SeqCst) - before;
            if asked > 8 { Ok(Some(())) } else { Err(format!("{asked} so far")) }
        })
        .await
        .expect("tried again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t192_a_compensation_that_fails_beyond_all_memory_is_tried_again_and_listed() {
    let hotel = ClosedHotel::default();
    let mut world = TripWorld::new("very_endless", vec![hotel.part()]).await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    hotel.closed.store(true, Ordering::SeqCst);
    let cancelled = TripCancelled { reason: "the customer".into() };
    let id = world.publish(saga, &cancelled).await;
    hotel.until_asked_again().await;
    let mut db = world.database("hotel").await;
    // First the inbox forgets, then the oldest memory ends.
    for days in [9, 400] {
        world.services.pop().expect("the hotel").stop().await;
        world.let_pass("hotel", days).await;
        world.start(hotel.part()).await;
        // Enough happens meanwhile for it to forget something.
        world.services.pop().expect("the hotel").stop().await;
        work_at_all_times(&mut db).await;
        world.start(hotel.part()).await;
        let partition = Clock::system().now().strftime("inbox_%Y%m%d").to_string();
        let gone = format!("pg_class where relname = '{partition}'");
        world.until_count("hotel", &gone, 0).await;
        hotel.until_asked_again().await;
        let stuck = stuck::list(&mut db, 10).await.expect("a list");
        assert!(matches!(&stuck[..], [one] if one.next_at.is_some()), "{days}: {stuck:?}");
        assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));
    }
    hotel.closed.store(false, Ordering::SeqCst);
    world.event::<RoomFreed>(saga).await;
    world.until_count("hotel", "ballet.failure", 0).await;
    assert!(stuck::list(&mut db, 10).await.expect("a list").is_empty());
    let before = hotel.asked.load(Ordering::SeqCst);
    world.publish_as(&id, saga, &cancelled).await;
    let next = SagaId(world.id_after(400).parse().expect("a UUID"));
    world.publish_as(&world.id_after(400), next, &TripBooked { city: "Oslo".into() }).await;
    world.event::<RoomBooked>(next).await;
    assert_eq!(hotel.asked.load(Ordering::SeqCst), before);
    assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));
}
