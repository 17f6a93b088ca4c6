//! Tests of the example `share`.

use ballet::core::Versioned;
use ballet_stage::Method;
use concepts::share::{self, Film, FilmChanged};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

pub(crate) async fn show(world: &World, film_id: &str, price_cents: i64) -> Value {
    let film = json!({ "title": format!("The {film_id}"), "price_cents": price_cents });
    let path = format!("/films/{film_id}");
    let (status, shown) = world.request(Method::PUT, "programme", &path, Some(&film)).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    shown
}

pub(crate) async fn remove(world: &World, film_id: &str) -> (StatusCode, Value) {
    world.request(Method::DELETE, "programme", &format!("/films/{film_id}"), None).await
}

#[tokio::test]
async fn each_change_is_an_event_with_the_whole_film_and_the_next_version() {
    let world = World::new("share", vec![share::service()]).await;
    show(&world, "tramp", 900).await;
    let shown = show(&world, "tramp", 800).await;
    assert_eq!((&shown["version"], &shown["state"]["price_cents"]), (&json!(2), &json!(800)));
    assert_eq!(remove(&world, "tramp").await.0, StatusCode::OK);
    assert_eq!(remove(&world, "tramp").await.0, StatusCode::NOT_FOUND);
    show(&world, "tramp", 700).await;

    let film = |version, price_cents| {
        let title = "The tramp".to_owned();
        Versioned::of("tramp", version, Film { title, price_cents })
    };
    let expected = [film(1, 900), film(2, 800), Versioned::removed("tramp", 3), film(4, 700)];
    let told = ballet_stage::wait_until("all changes", crate::world::SOON, || async {
        let events = world.events::<FilmChanged>().await;
        if events.len() < expected.len() { Err(events.len()) } else { Ok(Some(events)) }
    });
    let told: Vec<_> = told.await.expect("all").into_iter().map(|(_, event)| event.film).collect();
    assert_eq!(told, expected);
    world.close(0).await;
}
