//! Tests of the example `copy`.

use ballet::core::Versioned;
use ballet_stage::wait_until;
use ballet_testkit::TestSystem;
use concepts::share::{Film, FilmChanged};
use concepts::{copy, share};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::answers::SOON;
use crate::share::{remove, show};

async fn until(system: &TestSystem, film_id: &str, expected: StatusCode, price: Value) {
    wait_until("an answer of the kiosk", SOON, || async {
        let (status, film) = system.get("kiosk", &format!("/films/{film_id}")).await;
        let is_it = status == expected && film["price_cents"] == price;
        if is_it { Ok(Some(())) } else { Err(format!("{status}: {film}")) }
    })
    .await
    .expect("the answer");
}

#[tokio::test]
async fn a_new_reader_gets_all_films_and_follows_every_change() {
    let (programme, kiosk) = (share::service(), copy::service());
    let mut system = TestSystem::asleep("copy", vec![programme.part(), kiosk.part()]).await;
    system.start(kiosk).await;
    // Without the owner it is unknown which films there are.
    let (status, problem) = system.get("kiosk", "/films/tramp").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
    system.start(programme).await;
    // It learns that there are none.
    until(&system, "tramp", StatusCode::NOT_FOUND, Value::Null).await;

    show(&system, "tramp", 900).await;
    until(&system, "tramp", StatusCode::OK, json!(900)).await;
    show(&system, "tramp", 800).await;
    until(&system, "tramp", StatusCode::OK, json!(800)).await;

    // A late older version changes nothing. There is one lane, so what comes later has not come before.
    let old = Film { title: "The tramp".to_owned(), price_cents: 900 };
    let late = FilmChanged { film: Versioned::of("tramp", 1, old) };
    system.publish_plain(&late).await;
    show(&system, "gold", 500).await;
    until(&system, "gold", StatusCode::OK, json!(500)).await;
    until(&system, "tramp", StatusCode::OK, json!(800)).await;

    remove(&system, "tramp").await;
    until(&system, "tramp", StatusCode::GONE, Value::Null).await;
    // The copy does not need its owner.
    system.stop("programme").await;
    until(&system, "gold", StatusCode::OK, json!(500)).await;
    system.close(0).await;
}
