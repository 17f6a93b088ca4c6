//! A bulk step that fails: the message to blame is found, and the others are handled.

use std::sync::atomic::{AtomicU32, Ordering};

use ballet::bulk::{BulkTx, DoesAll, Item, UndoesAll};
use ballet::{Compensated, Failure, Retry, SagaId};
use ballet_amqp::Publish;
use ballet_amqp::headers::text_header;

use crate::bulk::hall::{OrderCancelled, OrderPlaced, SeatsFreed, SeatsHeld, Show};
use crate::bulk::stage::BulkStage;

struct HoldMoodily {
    /// How often an unstable order fails before it works.
    shaky: AtomicU32,
}

/// Orders of this many seats cannot be undone.
const STUCK: i64 = 13;

#[ballet::service("hall", saga = Show)]
impl HoldMoodily {
    #[compensatable(undo = free_seats, retry = Retry::at_once(2))]
    async fn hold_seats(
        &self,
        tx: &mut BulkTx<'_>,
        orders: Vec<Item<OrderPlaced>>,
    ) -> DoesAll<SeatsHeld> {
        sqlx::query("insert into held select * from unnest($1::uuid[], $2::bigint[])")
            .bind(orders.iter().map(|order| order.saga_id.0).collect::<Vec<_>>())
            .bind(orders.iter().map(|order| order.seats).collect::<Vec<_>>())
            .execute(tx.db())
            .await?;
        let mut outcomes = Vec::new();
        for order in orders {
            match order.wish.as_str() {
                "moon" => return Err(Failure::permanent("there are no seats on the moon")),
                "riot" => panic!("the hall is on fire"),
                "sleep" => std::future::pending().await,
                "nothing" => continue,
                "two" => outcomes.push(Ok(SeatsHeld { seats: order.seats })),
                "shaky" => {
                    let left = |left: u32| left.checked_sub(1);
                    let shaken = self.shaky.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left);
                    if shaken.is_ok() {
                        return Err(Failure::transient("the hall shakes"));
                    }
                }
                _ => {}
            }
            outcomes.push(Ok(SeatsHeld { seats: order.seats }));
        }
        Ok(outcomes)
    }

    async fn free_seats(tx: &mut BulkTx<'_>, held: Vec<Item<SeatsHeld>>) -> UndoesAll<SeatsFreed> {
        sqlx::query("delete from held where saga_id = any($1)")
            .bind(held.iter().map(|held| held.saga_id.0).collect::<Vec<_>>())
            .execute(tx.db())
            .await?;
        let can_be = held.iter().filter(|held| held.seats != STUCK);
        Ok(can_be.map(|held| Compensated::With(SeatsFreed { seats: held.seats })).collect())
    }
}

async fn hall(name: &str) -> BulkStage {
    let step = HoldMoodily { shaky: AtomicU32::new(2) };
    let mut stage = BulkStage::empty(name, step.participant()).await;
    stage.handler_seconds = 1;
    stage.start(1).await;
    stage
}

async fn place(stage: &BulkStage, wishes: &[&str]) -> Vec<SagaId> {
    let sagas: Vec<_> = wishes.iter().map(|_| stage.new_saga()).collect();
    stage
        .at_once(|stage| {
            for (saga, wish) in sagas.iter().zip(wishes) {
                stage.tell(*saga, &OrderPlaced { seats: 2, wish: (*wish).to_owned() });
            }
        })
        .await;
    sagas
}

fn dead(stage: &BulkStage) -> Vec<[String; 3]> {
    let mut dead = stage.taken("dead");
    dead.sort_by_key(|one| one.properties.correlation_id().as_ref().map(ToString::to_string));
    let line = |message: &Publish| {
        ["x-dead-step", "x-dead-reason", "x-dead-detail"]
            .map(|name| text_header(&message.properties, name).unwrap_or_default().to_owned())
    };
    dead.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_makes_a_run_fail_is_found_and_the_others_commit() {
    let stage = hall("culprits").await;
    let mut wishes = vec!["aisle"; 40];
    let moods =
        [(3, "moon"), (17, "riot"), (18, "nothing"), (25, "sleep"), (30, "shaky"), (39, "two")];
    for (at, wish) in moods {
        wishes[at] = wish;
    }
    let sagas = place(&stage, &wishes).await;
    let dead = dead(&stage);
    assert!(dead.iter().all(|[step, ..]| step == "hold_seats"), "{dead:?}");
    let reasons: Vec<_> = dead.iter().map(|[_, reason, _]| reason.as_str()).collect();
    assert_eq!(reasons, ["permanent", "failed", "permanent", "failed", "permanent"], "{dead:?}");
    let count = |items, given| {
        format!(
            "hold_seats received {items} items and returned {given} outcomes: return one per \
             item, in the order of the items"
        )
    };
    assert_eq!(dead[0][2], "there are no seats on the moon");
    assert!(dead[1][2].contains("the hall is on fire"), "{}", dead[1][2]);
    assert_eq!(dead[2][2], count(1, 0));
    // A run that hangs is ended, and tried again in parts.
    assert_eq!(dead[3][2], "the handler took longer than 1s, the limit (HANDLER_SECONDS)");
    assert_eq!(dead[4][2], count(1, 2));
    assert_eq!(stage.count("held").await, 35);
    assert_eq!(stage.count("ballet.ledger where entry = 'done'").await, 35);
    for (saga, wish) in sagas.iter().zip(&wishes) {
        let good = matches!(*wish, "aisle" | "shaky");
        assert_eq!(stage.told(*saga).len(), usize::from(good), "{wish}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_fails_leaves_its_tombstone_and_the_others_are_undone() {
    let stage = hall("stuck").await;
    let sagas: Vec<_> = (0..12).map(|_| stage.new_saga()).collect();
    stage
        .at_once(|stage| {
            for (at, saga) in (0..).zip(&sagas) {
                let seats = if at == 5 { STUCK } else { at };
                stage.tell(*saga, &OrderPlaced { seats, wish: "aisle".to_owned() });
            }
        })
        .await;
    assert_eq!(stage.count("held").await, 12);
    let late = stage.new_saga();
    stage
        .at_once(|stage| {
            stage.tell(late, &OrderCancelled {});
            for saga in &sagas {
                stage.tell(*saga, &OrderCancelled {});
            }
            stage.tell(sagas[5], &OrderPlaced { seats: 1, wish: "aisle".to_owned() });
            stage.tell(late, &OrderPlaced { seats: 1, wish: "aisle".to_owned() });
        })
        .await;
    let dead = dead(&stage);
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0][0], "abort");
    assert!(dead[0][2].contains("returned 0 answers of its compensation"), "{}", dead[0][2]);
    assert_eq!(stage.count("held").await, 1);
    assert_eq!(stage.count("ballet.ledger where entry = 'undone'").await, 11);
    assert_eq!(stage.count("ballet.ledger where entry = 'aborted'").await, 13);
    for (at, saga) in (0..).zip(&sagas) {
        let freed = format!("hall.seats_freed.v1 {{\"seats\":{at}}}");
        let told = stage.told(*saga);
        let expected = usize::from(at != 5);
        assert_eq!(told.iter().filter(|one| one.starts_with(&freed)).count(), expected, "{told:?}");
    }
    assert!(stage.told(late).is_empty());
}
