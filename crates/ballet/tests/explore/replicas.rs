//! Several replicas of a service on one queue and one database, everything at once and twice.

use std::time::Instant;

use crate::orders::Action::{
    Abort, AnswerFirst, AnswerSecond, AnswerUndo, First, FirstCopy, Second,
};
use crate::outside::No;
use crate::participant::Exploration;
use crate::stage::databases;

async fn explore(name: &str, replicas: usize, dies: bool) {
    let databases = databases(name, &["calling", "local"]).await;
    for (database, local) in [("calling", false), ("local", true)] {
        let began = Instant::now();
        let mut all = Exploration::new(&databases, database, local);
        for _ in 0..replicas {
            all.stage.start(2).await;
        }
        all.every_order_of(
            &[First, FirstCopy, Abort, Second, AnswerFirst, AnswerSecond],
            No::Never,
        );
        all.every_order_of(&[First, Abort, Second, AnswerFirst, AnswerUndo], No::Second);
        all.every_order_of(&[First, FirstCopy, Second, AnswerSecond], No::Never);
        all.twice_saga_by_saga();
        if dies {
            all.stage.lose_one().await;
        }
        all.judge(&format!("{replicas} replicas"), began).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas() {
    explore("two", 2, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_replicas() {
    explore("four", 4, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_of_which_one_dies() {
    explore("three", 3, true).await;
}
