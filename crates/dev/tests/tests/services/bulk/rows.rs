//! Steps that touch the same rows in other orders, on several lanes and replicas.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ballet::bulk::{BulkTx, DoesAll, Item};
use ballet::{Does, Failure, Rows, Tx, Undoes, compensated, done};
use sqlx::PgConnection;
use tokio::sync::Barrier;

use crate::bulk::hall::{
    OrderCancelled, OrderConfirmed, OrderPlaced, SeatsFreed, SeatsHeld, SeatsSold, Show,
};
use crate::bulk::stage::BulkStage;

/// Takes two things from the shelf, one after the other.
struct Shelf {
    meeting: Option<Arc<Meeting>>,
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

fn things(seats: i64) -> [&'static str; 2] {
    [(0, 1), (1, 0), (2, 0), (1, 2), (2, 1), (0, 2)]
        .map(|(one, other)| [["mug", "spoon", "bowl"][one], ["mug", "spoon", "bowl"][other]])
        [usize::try_from(seats).expect("an index")]
}

async fn take(db: &mut PgConnection, name: &str, pieces: i64) -> Result<(), Failure> {
    sqlx::query("update shelf set taken = taken + $2 where name = $1")
        .bind(name)
        .bind(pieces)
        .execute(db)
        .await?;
    Ok(())
}

const OF_SAGAS: &str = "select name from took where saga_id = any($1)";

#[ballet::service("hall", saga = Show)]
impl Shelf {
    #[compensatable(undo = put_back, undo_touches = rows_of_put_back, touches = rows_of_take)]
    async fn take(&self, tx: &mut Tx<'_>, order: OrderPlaced) -> Does<SeatsHeld> {
        let saga = tx.saga_id().expect("a saga").0;
        for name in things(order.seats) {
            take(tx.db(), name, 1).await?;
            if let Some(meeting) = &self.meeting {
                meeting.wait().await;
            }
            let took = sqlx::query("insert into took values ($1, $2)").bind(saga).bind(name);
            took.execute(tx.db()).await?;
        }
        done(SeatsHeld { seats: order.seats })
    }

    async fn rows_of_take(
        _: &mut PgConnection,
        orders: &[Item<&OrderPlaced>],
    ) -> Result<Rows, Failure> {
        Ok(Rows::of("shelf", orders.iter().flat_map(|order| things(order.seats))))
    }

    async fn put_back(tx: &mut Tx<'_>, held: SeatsHeld) -> Undoes<SeatsFreed> {
        let saga = tx.saga_id().expect("a saga").0;
        for name in things(held.seats) {
            take(tx.db(), name, -1).await?;
        }
        sqlx::query("delete from took where saga_id = $1").bind(saga).execute(tx.db()).await?;
        compensated(SeatsFreed { seats: held.seats })
    }

    async fn rows_of_put_back(
        _: &mut PgConnection,
        held: &[Item<SeatsHeld>],
    ) -> Result<Rows, Failure> {
        Ok(Rows::of("shelf", held.iter().flat_map(|held| things(held.seats))))
    }

    /// Touches what was taken once more. Its trigger does not say what that was: it has to read it.
    #[retriable(touches = rows_of_polish)]
    async fn polish(tx: &mut BulkTx<'_>, on: Vec<Item<OrderConfirmed>>) -> DoesAll<SeatsSold> {
        for one in &on {
            let names: Vec<String> =
                sqlx::query_scalar(OF_SAGAS).bind([one.saga_id.0]).fetch_all(tx.db()).await?;
            for name in names {
                take(tx.db(), &name, 0).await?;
            }
        }
        Ok(on.iter().map(|_| Ok(SeatsSold { seats: 0 })).collect())
    }

    async fn rows_of_polish(
        db: &mut PgConnection,
        on: &[Item<&OrderConfirmed>],
    ) -> Result<Rows, Failure> {
        let sagas: Vec<_> = on.iter().map(|one| one.saga_id.0).collect();
        let names: Vec<String> = sqlx::query_scalar(OF_SAGAS).bind(sagas).fetch_all(db).await?;
        Ok(Rows::of("shelf", names))
    }
}

async fn shelf(name: &str, meeting: Option<Arc<Meeting>>) -> BulkStage {
    BulkStage::empty(name, Shelf { meeting }.participant()).await
}

fn order(seats: i64) -> OrderPlaced {
    OrderPlaced { seats, wish: String::new() }
}

/// Two batches on two lanes would hold one row each and need the other's.
#[tokio::test(flavor = "multi_thread")]
async fn named_rows_are_locked_in_one_order() {
    let meeting = Meeting { arrived: AtomicU32::new(0), barrier: Barrier::new(2) };
    let mut stage = shelf("named", Some(Arc::new(meeting))).await;
    stage.start(2).await;
    stage
        .at_once(|stage| {
            for lane in [0, 1] {
                // A lane takes the first message alone. Then one takes a mug and a spoon, the other a spoon and a
                // mug.
                stage.tell(stage.new_saga_of(lane), &OrderCancelled {});
                let order = order(i64::try_from(lane).unwrap_or_default());
                stage.tell(stage.new_saga_of(lane), &order);
            }
        })
        .await;
    assert_eq!(stage.count("shelf where taken = 2").await, 2);
    assert_eq!(stage.deadlocks().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_of_two_lanes_take_free_and_polish_the_same_rows_without_a_deadlock() {
    let mut stage = shelf("hot", None).await;
    stage.start(2).await;
    stage.start(2).await;
    let sagas: Vec<_> = (0..240).map(|_| stage.new_saga()).collect();
    let kind = |at: usize| i64::try_from(at % 6).unwrap_or_default();
    stage
        .at_once(|stage| {
            for (at, saga) in sagas.iter().enumerate() {
                stage.tell(*saga, &order(kind(at)));
            }
        })
        .await;
    stage
        .at_once(|stage| {
            for (at, saga) in sagas.iter().enumerate() {
                match at % 3 {
                    0 => stage.tell(*saga, &OrderCancelled {}),
                    1 => stage.tell(*saga, &OrderConfirmed {}),
                    _ => stage.tell(stage.new_saga(), &order(kind(at))),
                }
            }
        })
        .await;
    assert_eq!(stage.count("ballet.ledger where entry = 'undone'").await, 80);
    assert_eq!(stage.count("ballet.ledger where step = 'polish' and entry = 'done'").await, 80);
    assert_eq!(stage.count("took").await, 2 * 240);
    assert_eq!(stage.count("took where name = 'mug'").await, stage.taken_of("mug").await);
    assert!(stage.taken("dead").is_empty());
    assert_eq!(stage.deadlocks().await, 0);
}
