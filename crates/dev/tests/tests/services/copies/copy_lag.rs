//! How far a copy is behind, in readiness and in the metrics.

use ballet::Running;
use ballet_stage::wait_until;
use ballet_testkit::health::{metrics, sample, until_ready};

use crate::copies::stage::{CopiesStage, LONG};

async fn metric(service: &Running, name: &str) -> Option<f64> {
    sample(&metrics(service.address()).await.expect("metrics"), name)
}

/// A copy never makes the service unready.
async fn says(service: &Running, words: &str) {
    until_ready(service.address(), words, |status, said| {
        assert_eq!(status, 200, "{said}");
        said["copies"].as_str().is_some_and(|copies| copies.contains(words))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_not_filled_says_so_and_the_service_stays_ready() {
    let stage = CopiesStage::new("behind").await;
    let porter = stage.reader("porter").await;
    says(&porter, "lamp is not filled: house has published none yet").await;
    // Other tests of this process fill copies of theirs.
    let empty = wait_until("the figure of an empty copy", LONG, || async {
        let filled = metric(&porter, "ballet_copy_filled{entity=\"lamp\"}").await;
        if filled == Some(0.0) { Ok(Some(())) } else { Err(format!("{filled:?}")) }
    });
    empty.await.expect("empty");
    let _house = stage.house().await;
    stage.until_filled("porter").await;
    says(&porter, "ok").await;
    let filled = wait_until("the figures of a filled copy", LONG, || async {
        let filled = metric(&porter, "ballet_copy_filled{entity=\"lamp\"}").await;
        let behind = metric(&porter, "ballet_copies_behind_events").await;
        match (filled, behind) {
            (Some(1.0), Some(0.0)) => Ok(Some(())),
            other => Err(format!("{other:?}")),
        }
    });
    filled.await.expect("filled");
}
