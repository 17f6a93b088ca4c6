//! How far a copy is behind, as readiness and the metrics tell it.

use ballet::{Running, Versioned};
use ballet_testkit::wait_until;
use serde_json::Value;

use crate::lamps::{Lamp, LampChanged};
use crate::stage::{LONG, Stage};

async fn readiness(service: &Running) -> (u16, Value) {
    let url = format!("http://{}/readyz", service.address());
    let answer = reqwest::get(url).await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn metric(service: &Running, name: &str) -> Option<f64> {
    let url = format!("http://{}/metrics", service.address());
    let text = reqwest::get(url).await.expect("an answer").text().await.expect("text");
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Waits until readiness says this of the copies. It never makes the service unready.
async fn says(service: &Running, words: &[&str]) {
    wait_until("readiness", LONG, || async {
        let (status, readiness) = readiness(service).await;
        assert_eq!(status, 200, "{readiness}");
        let copies = readiness["copies"].as_str().unwrap_or_default();
        if words.iter().all(|word| copies.contains(word)) {
            Ok(Some(()))
        } else {
            Err(readiness.to_string())
        }
    })
    .await
    .expect("said");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_behind_says_by_how_much_and_stays_ready() {
    let stage = Stage::new("behind").await;
    let porter = stage.reader("porter").await;
    says(&porter, &["lamp is not filled: house has published none yet"]).await;
    assert_eq!(metric(&porter, "ballet_copy_filled{entity=\"lamp\"}").await, Some(0.0));
    let _house = stage.house().await;
    stage.until_filled("porter").await;
    says(&porter, &["ok"]).await;
    assert_eq!(metric(&porter, "ballet_copy_filled{entity=\"lamp\"}").await, Some(1.0));
    assert_eq!(metric(&porter, "ballet_copies_behind_events").await, Some(0.0));

    // Somebody holds a row that the copy has to change.
    let lamp = |version| LampChanged {
        lamp: Versioned::of("hall", version, Lamp { text: version.to_string() }),
    };
    stage.put(&lamp(1));
    stage.settled("porter").await;
    let mut held = stage.db("porter").await;
    let lock = "begin; select from ballet.copy where id = 'hall' for update";
    sqlx::raw_sql(lock).execute(&mut held).await.expect("held");
    (2..=8).for_each(|version| stage.put(&lamp(version)));
    says(&porter, &["at most 7 events and ", " s behind"]).await;
    wait_until("the metric", LONG, || async {
        let events = metric(&porter, "ballet_copies_behind_events").await;
        let seconds = metric(&porter, "ballet_copies_behind_seconds").await;
        let behind = events == Some(7.0) && seconds > Some(0.0);
        if behind { Ok(Some(())) } else { Err(format!("{events:?} {seconds:?}")) }
    })
    .await
    .expect("behind");
    drop(held);
    stage.settled("porter").await;
    says(&porter, &["ok"]).await;
}
