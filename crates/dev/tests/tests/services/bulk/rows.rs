//! Steps that touch the same rows in other orders, on several lanes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ballet::bulk::Item;
use ballet::{Does, Failure, Rows, Tx, Undoes, compensated, done};
use sqlx::PgConnection;
use tokio::sync::Barrier;

use crate::bulk::hall::{OrderCancelled, OrderPlaced, SeatsFreed, SeatsHeld, Show};
use crate::bulk::stage::BulkStage;

/// Takes two things from the shelf, one after the other.
struct Shelf {
    meeting: Arc<Meeting>,
}

/// Where the first two batches wait for each other, each with its first row locked.
struct Meeting {
    arrived: AtomicU32,
    barrier: Barrier,
}

/// The time that a batch waits in vain if the other is not let in.
const PATIENCE: Duration = Duration::from_millis(500);

impl Meeting {
    async fn wait(&self) {
        if self.arrived.fetch_add(1, Ordering::SeqCst) < 2 {
            tokio::time::timeout(PATIENCE, self.barrier.wait()).await.ok();
        }
    }
}

/// A mug and a spoon, or the other way round.
fn things(seats: i64) -> [&'static str; 2] {
    if seats == 0 { ["mug", "spoon"] } else { ["spoon", "mug"] }
}

#[ballet::service("hall", saga = Show)]
impl Shelf {
    #[compensatable(undo = put_back, touches = rows_of_take)]
    async fn take(&self, tx: &mut Tx<'_>, order: OrderPlaced) -> Does<SeatsHeld> {
        for name in things(order.seats) {
            let take = sqlx::query("update shelf set taken = taken + 1 where name = $1").bind(name);
            take.execute(tx.db()).await?;
            self.meeting.wait().await;
        }
        done(SeatsHeld { seats: order.seats })
    }

    async fn rows_of_take(
        _: &mut PgConnection,
        orders: &[Item<&OrderPlaced>],
    ) -> Result<Rows, Failure> {
        Ok(Rows::of("shelf", orders.iter().flat_map(|order| things(order.seats))))
    }

    async fn put_back(_: &mut Tx<'_>, held: SeatsHeld) -> Undoes<SeatsFreed> {
        compensated(SeatsFreed { seats: held.seats })
    }
}

/// Two batches on two lanes would hold one row each and need the other's.
#[tokio::test(flavor = "multi_thread")]
async fn named_rows_are_locked_in_one_order() {
    let meeting = Meeting { arrived: AtomicU32::new(0), barrier: Barrier::new(2) };
    let shelf = Shelf { meeting: Arc::new(meeting) };
    let mut stage = BulkStage::empty("named", shelf.participant()).await;
    stage.start(2).await;
    stage
        .at_once(|stage| {
            for lane in [0, 1] {
                // A lane takes the first message alone. Then one takes a mug and a spoon, the other a spoon and a
                // mug.
                stage.tell(stage.new_saga_of(lane), &OrderCancelled {});
                let seats = i64::try_from(lane).unwrap_or_default();
                let order = OrderPlaced { seats, wish: String::new() };
                stage.tell(stage.new_saga_of(lane), &order);
            }
        })
        .await;
    assert_eq!(stage.count("shelf where taken = 2").await, 2);
    assert_eq!(stage.deadlocks().await, 0);
}
