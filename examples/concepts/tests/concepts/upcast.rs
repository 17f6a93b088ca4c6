//! Tests of the example `upcast`.

use concepts::upcast::{self, GuestsCounted, GuestsCountedV1};

use crate::world::World;

#[tokio::test]
async fn old_and_new_turnstiles_are_counted_together() {
    let world = World::new("upcast", vec![upcast::service()]).await;
    let screen = || "one".to_owned();
    let old = GuestsCountedV1 { screen: screen(), guests: 3 };
    let new = GuestsCounted { screen: screen(), adults: 2, children: 5 };
    world.publish_plain("turnstile", &old).await;
    world.publish_plain("turnstile", &new).await;
    world.publish_plain("turnstile", &old).await;
    world
        .until("visitors", "select coalesce(sum(adults + children), 0)::bigint from screen", 13)
        .await;
    assert_eq!(world.value::<i64>("visitors", "select adults from screen").await, 8);
    assert_eq!(world.value::<i64>("visitors", "select children from screen").await, 5);

    // Nobody else may count.
    world.publish_plain("door", &new).await;
    let headers = world.dead_letter().await;
    assert_eq!(headers["x-dead-reason"], "forged_app_id", "{headers}");
    assert_eq!(world.value::<i64>("visitors", "select children from screen").await, 5);
    world.close(1).await;
}
