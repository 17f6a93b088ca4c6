//! Published titles, found by their words.

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::json;

use crate::world::{StreamingWorld, text};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_title_whose_description_has_no_spaces_is_published_and_found() {
    let world = StreamingWorld::open("no_spaces").await;
    let now = world.system.handle(0).now();
    let title = json!({
        "name": "The Tea Bowl", "description": "茶碗，".repeat(600), "genre": "drama",
        "length_seconds": 5400, "rights": [{ "region": "DE", "from": now, "until": now + HOUR }],
    });
    let (status, title) = world.system.post("titles", "/titles", &title).await;
    assert_eq!(status, StatusCode::CREATED, "{title}");
    let (_, found) = world.system.get("titles", "/titles/search?q=茶碗").await;
    assert_eq!(found["items"][0]["title_id"], text(&title, "title_id"), "{found}");
    world.system.close(0).await;
}
