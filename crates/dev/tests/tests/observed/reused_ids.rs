//! An id that comes again is one message. Another body under it must be reported.

use ballet::{Event, MessageId, SagaId};
use ballet_testkit::health::metrics;
use ballet_testkit::process_log::{log_here, text};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use crate::trip::{RoomBooked, TripBooked, TripCancelled};
use crate::world::TripWorld;

const METRIC: &str = "ballet_reused_ids_total ";
const ROME: &str = r#"{"city":"Rome"}"#;
const OSLO: &str = r#"{"city":"Oslo"}"#;

struct Reuse {
    world: TripWorld,
    saga: SagaId,
}

impl Reuse {
    async fn new(name: &str) -> Self {
        let world = TripWorld::hotel(name).await;
        let saga = world.new_saga();
        Self { world, saga }
    }

    fn properties(&self, id: &str, event_type: &str) -> Value {
        json!({
            "message_id": id, "correlation_id": self.saga.to_string(), "type": event_type,
            "app_id": "desk", "content_type": "application/json",
        })
    }

    async fn publish(&self, id: &str, body: &str) {
        let name = TripBooked::TYPE.name();
        self.world.publish_raw(name, &self.properties(id, name), body).await;
    }

    async fn settled(&self) {
        let next = self.world.new_saga();
        self.world.publish(next, &TripBooked { city: "Oslo".into() }).await;
        self.world.event::<RoomBooked>(next).await;
    }

    /// Counts the lines that report this reused id.
    fn told(id: &str) -> usize {
        text().lines().filter(|line| line.contains(id) && line.contains("another body")).count()
    }
}

async fn counted(world: &TripWorld) -> u64 {
    let text = metrics(world.services[0].address()).await.expect("metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(METRIC));
    line.expect("the metric begins at zero").parse().expect("a number")
}

#[tokio::test]
async fn an_id_that_comes_again_with_another_body_is_counted_and_logged_and_nothing_else_is() {
    log_here();
    let reuse = Reuse::new("reused").await;
    let world = &reuse.world;
    let before = counted(world).await;

    // A UUIDv7, a UUID without a time, and a text.
    let ids = [
        world.new_id(),
        "b4a9c1de-93a5-4c39-8e6f-0a9a9d1c2b3e".to_owned(),
        "booking-17".to_owned(),
    ];
    for id in &ids {
        reuse.publish(id, ROME).await;
    }
    reuse.settled().await;
    // A producer repeats what was not confirmed: the same body.
    for id in &ids {
        reuse.publish(id, ROME).await;
        let name = TripBooked::TYPE.name();
        let mut traced = reuse.properties(id, name);
        traced["headers"] = json!({ "traceparent": "another" });
        world.publish_raw(name, &traced, ROME).await;
    }
    // Without a hash, a row does not say what came under its id.
    let old = world.new_id();
    let mut db = world.database("hotel").await;
    let rows = format!(
        "insert into ballet.inbox (message_id) values ('{old}'); \
         insert into ballet.inbox_other (message_id) values ('{}')",
        MessageId::derived_from_text("old")
    );
    db.execute(sqlx::raw_sql(AssertSqlSafe(rows))).await.expect("rows");
    reuse.publish(&old, OSLO).await;
    reuse.publish("old", OSLO).await;
    // A message that failed for good took no effect, so an operator fixes it under its id.
    let mended = world.new_id();
    let other = world.new_saga();
    world.publish_as(&mended, other, &TripBooked { city: "Broken".into() }).await;
    world.dead_letters(1).await;
    world.publish_as(&mended, other, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(other).await;
    reuse.settled().await;
    assert_eq!(counted(world).await - before, 0);
    for id in ids.iter().chain([&old, &mended]) {
        assert_eq!(Reuse::told(id), 0, "{id}");
    }

    for id in &ids {
        reuse.publish(id, OSLO).await;
    }
    let name = TripCancelled::TYPE.name();
    world.publish_raw(name, &reuse.properties(&ids[0], name), r#"{"reason":"rain"}"#).await;
    reuse.settled().await;
    assert_eq!(counted(world).await - before, 4);
    let lines = text();
    for id in [&ids[0], &ids[1], &MessageId::derived_from_text("booking-17").to_string()] {
        let about = |line: &&str| line.contains(id) && line.contains("another body");
        let line = lines.lines().find(about).unwrap_or_else(|| panic!("no line about {id}"));
        for part in ["WARN", TripBooked::TYPE.name(), "desk", "a new `message_id`"] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    }
}
