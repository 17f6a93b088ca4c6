//! Tests of the example `share`.

use ballet::core::Versioned;
use ballet_stage::Method;
use ballet_testkit::TestSystem;
use concepts::share::{self, Film, FilmChanged};
use reqwest::StatusCode;
use serde_json::{Value, json};

pub(crate) async fn show(system: &TestSystem, film_id: &str, price_cents: i64) -> Value {
    let film = json!({ "title": format!("The {film_id}"), "price_cents": price_cents });
    let path = format!("/films/{film_id}");
    let (status, shown) = system.request(Method::PUT, "programme", &path, Some(&film)).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    shown
}

pub(crate) async fn remove(system: &TestSystem, film_id: &str) -> (StatusCode, Value) {
    system.request(Method::DELETE, "programme", &format!("/films/{film_id}"), None).await
}

#[tokio::test]
async fn each_change_is_an_event_with_the_whole_film_and_the_next_version() {
    let system = TestSystem::new("share", vec![share::service()]).await;
    show(&system, "tramp", 900).await;
    let shown = show(&system, "tramp", 800).await;
    assert_eq!((&shown["version"], &shown["state"]["price_cents"]), (&json!(2), &json!(800)));
    assert_eq!(remove(&system, "tramp").await.0, StatusCode::OK);
    assert_eq!(remove(&system, "tramp").await.0, StatusCode::NOT_FOUND);
    show(&system, "tramp", 700).await;

    let film = |version, price_cents| {
        let title = "The tramp".to_owned();
        Versioned::of("tramp", version, Film { title, price_cents })
    };
    let expected = [film(1, 900), film(2, 800), Versioned::removed("tramp", 3), film(4, 700)];
    let told = ballet_stage::wait_until("all changes", crate::answers::SOON, || async {
        let events = system.all_events::<FilmChanged>().await;
        if events.len() < expected.len() { Err(events.len()) } else { Ok(Some(events)) }
    });
    let told: Vec<_> = told.await.expect("all").into_iter().map(|event| event.film).collect();
    assert_eq!(told, expected);
    system.close(0).await;
}
