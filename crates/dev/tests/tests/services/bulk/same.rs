//! The same messages leave the same rows, the same ledger and the same events, whichever form the
//! steps have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballet::SagaId;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use crate::bulk::hall::{
    self, MOST, OrderCancelled, OrderConfirmed, OrderPlaced, UsherDeclined, UsherWanted,
};
use crate::bulk::stage::{BulkStage, StageMessage};

#[derive(Debug, Clone)]
enum SagaMessage {
    Placed {
        seats: i64,
        wish: &'static str,
    },
    Confirmed,
    Cancelled,
    Wanted(&'static str),
    Declined(&'static str),
    /// A message that came before.
    Again(Index),
}

fn comes() -> impl Strategy<Value = SagaMessage> {
    let usher = || select(vec!["ann", "bob"]);
    let wish = prop_oneof![9 => Just("aisle"), 1 => Just("trouble")];
    prop_oneof![
        5 => (1..MOST + 3, wish).prop_map(|(seats, wish)| SagaMessage::Placed { seats, wish }),
        2 => Just(SagaMessage::Confirmed),
        2 => Just(SagaMessage::Cancelled),
        2 => usher().prop_map(SagaMessage::Wanted),
        1 => usher().prop_map(SagaMessage::Declined),
        1 => any::<Index>().prop_map(SagaMessage::Again),
    ]
}

/// Generates messages of a few sagas, in a few batches.
fn streams() -> impl Strategy<Value = Vec<Vec<(usize, SagaMessage)>>> {
    let batch = prop::collection::vec((0..5_usize, comes()), 1..30);
    prop::collection::vec(batch, 1..4)
}

fn messages(
    stage: &BulkStage,
    sagas: &[SagaId],
    stream: &[Vec<(usize, SagaMessage)>],
) -> Vec<Vec<StageMessage>> {
    let mut all: Vec<StageMessage> = Vec::new();
    let mut batches = Vec::new();
    for batch in stream {
        let mut messages = Vec::new();
        // A copy of what fails in the same batch is tried after its neighbours, and how much later depends on the form.
        let mut may_fail: Vec<StageMessage> = Vec::new();
        for (saga, comes) in batch {
            let (id, saga) = (stage.new_id(), sagas[*saga]);
            let message = match comes {
                SagaMessage::Placed { seats, wish } => StageMessage::of(
                    id,
                    saga,
                    &OrderPlaced { seats: *seats, wish: (*wish).to_owned() },
                ),
                SagaMessage::Confirmed => StageMessage::of(id, saga, &OrderConfirmed {}),
                SagaMessage::Cancelled => StageMessage::of(id, saga, &OrderCancelled {}),
                SagaMessage::Wanted(usher) => {
                    StageMessage::of(id, saga, &UsherWanted { usher: (*usher).to_owned() })
                }
                SagaMessage::Declined(usher) => {
                    StageMessage::of(id, saga, &UsherDeclined { usher: (*usher).to_owned() })
                }
                SagaMessage::Again(_) if all.is_empty() => continue,
                SagaMessage::Again(which) => which.get(&all).clone(),
            };
            match comes {
                SagaMessage::Confirmed | SagaMessage::Placed { .. } => {
                    may_fail.push(message.clone());
                }
                _ => all.push(message.clone()),
            }
            messages.push(message);
        }
        all.append(&mut may_fail);
        batches.push(messages);
    }
    batches
}

async fn left(stage: &BulkStage, saga: SagaId) -> Vec<String> {
    let mut left = Vec::new();
    for query in [
        "select 'done: ' || what from done where saga_id = $1 order by at",
        "select format('held: %s %s', seats, sold) from held where saga_id = $1",
        "select 'usher: ' || usher from usher where saga_id = $1 order by usher",
        "select 'wish: ' || wish from wish where saga_id = $1",
        "select format('ledger: %s', array[ordinal::text, step, key, entry, arrived, event_type, body, message_id::text]) \
         from ballet.ledger where saga_id = $1 order by ordinal",
    ] {
        left.extend(stage.lines(query.to_owned(), saga).await);
    }
    left.extend(stage.told(saga).into_iter().map(|event| format!("told: {event}")));
    let dead = stage.taken("dead").into_iter().chain(stage.taken("retry"));
    let dead = dead.filter(|one| {
        one.properties
            .correlation_id()
            .as_ref()
            .is_some_and(|id| id.to_string() == saga.to_string())
    });
    // Each takes its own way to its queue, so their order says nothing.
    let mut astray: Vec<String> = dead
        .map(|one| {
            format!("astray: {:?} {}", one.properties.kind(), String::from_utf8_lossy(&one.body))
        })
        .collect();
    astray.sort_unstable();
    left.extend(astray);
    left
}

#[test]
fn the_same_messages_leave_the_same_whichever_form_the_steps_have() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let longest = Arc::new(AtomicUsize::new(0));
    let (ordinary, bulk) = runtime.block_on(async {
        let ordinary = BulkStage::new("same_ordinary", hall::Hall::participant()).await;
        (ordinary, BulkStage::new("same_bulk", hall::bulk(&longest)).await)
    });
    let mut runner =
        TestRunner::new(Config { cases: 16, max_shrink_iters: 40, ..Config::default() });
    runner
        .run(&streams(), |stream| {
            let sagas: Vec<SagaId> = (0..5).map(|_| ordinary.new_saga()).collect();
            let batches = messages(&ordinary, &sagas, &stream);
            runtime.block_on(async {
                for batch in &batches {
                    // Which messages are in one batch decides what comes before its cause.
                    let (id, saga) = (ordinary.new_id(), ordinary.new_saga());
                    let first = StageMessage::of(id, saga, &OrderCancelled {});
                    let send = |stage: &BulkStage| batch.iter().for_each(|one| stage.put(one));
                    tokio::join!(
                        ordinary.at_once_behind(&first, send),
                        bulk.at_once_behind(&first, send)
                    );
                }
                for saga in &sagas {
                    let (expected, found) =
                        (left(&ordinary, *saga).await, left(&bulk, *saga).await);
                    prop_assert_eq!(found, expected);
                }
                Ok(())
            })
        })
        .expect("the same");
    assert!(longest.load(Ordering::SeqCst) > 1, "no run had more than one item");
}
