//! Tests of the example `watch`.

use std::time::{Duration, Instant};

use ballet_testkit::TestSystem;
use concepts::watch::{self, FilmStarted, RoomEmptied};
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use crate::answers::id;

async fn take(system: &TestSystem) -> Uuid {
    let screening = id(system.post("screenings", "/screenings", &json!({ "film": "Alice" })).await);
    system.event::<FilmStarted>(screening).await;
    let open = format!("select count(*) from ballet.call where saga_id = '{screening}'");
    system.until("screenings", &open, 1_i64).await;
    screening
}

async fn tell(system: &TestSystem, screening: Uuid, what: &str) {
    let path = format!("/screenings/{screening}/{what}");
    assert_eq!(system.post("screenings", &path, &json!({})).await.0, 200);
}

#[tokio::test]
async fn a_room_is_empty_when_the_signs_of_life_end_and_not_before() {
    let empty_after = SignedDuration::from_secs(2);
    let system = TestSystem::new("signs", vec![watch::service(empty_after)]).await;
    let screening = take(&system).await;
    let mut last = Instant::now();
    for _ in 0..20 {
        tell(&system, screening, "sit").await;
        last = Instant::now();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(system.all_events::<RoomEmptied>().await.is_empty(), "somebody sat there for 4 s");
    let emptied: RoomEmptied = system.event(screening).await;
    assert_eq!(emptied.reason, "nobody sits there");
    assert!(last.elapsed() >= Duration::from_secs(2));
    system.close(0).await;
}

#[tokio::test]
async fn a_hint_ends_it_at_once_and_only_once() {
    let system =
        TestSystem::new("hints", vec![watch::service(SignedDuration::from_hours(3))]).await;
    let screening = take(&system).await;
    let other = take(&system).await;
    for _ in 0..3 {
        tell(&system, screening, "leave").await;
    }
    let emptied: RoomEmptied = system.event(screening).await;
    assert_eq!(emptied.reason, "the film is over");
    // A late sign of life revives nothing.
    tell(&system, screening, "sit").await;
    tell(&system, screening, "leave").await;
    tell(&system, other, "leave").await;
    system.event::<RoomEmptied>(other).await;
    assert_eq!(system.all_events::<RoomEmptied>().await.len(), 2);
    system.close(0).await;
}
