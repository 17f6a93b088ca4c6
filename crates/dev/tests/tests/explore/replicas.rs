//! Several replicas of a service on one queue and one database, everything at once and twice.

use std::time::Instant;

use crate::orders::ParticipantInput::{
    Abort, AnswerFirst, AnswerSecond, AnswerUndo, First, FirstCopy, Second,
};
use crate::outside::RefusedRequest;
use crate::participant::ParticipantExploration;

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_of_which_one_dies() {
    for (test, local) in [("three_calling", false), ("three_local", true)] {
        let began = Instant::now();
        let mut all = ParticipantExploration::new(test, local).await;
        for _ in 0..3 {
            all.stage.start(2).await;
        }
        all.every_order_of(
            &[First, FirstCopy, Abort, Second, AnswerFirst, AnswerSecond],
            RefusedRequest::Never,
        );
        all.every_order_of(
            &[First, Abort, Second, AnswerFirst, AnswerUndo],
            RefusedRequest::Second,
        );
        all.every_order_of(&[First, FirstCopy, Second, AnswerSecond], RefusedRequest::Never);
        all.twice_saga_by_saga();
        all.stage.lose_one().await;
        all.judge("three replicas", began).await;
    }
}
