//! Tests of the example `upcast`.

use ballet_testkit::TestSystem;
use concepts::upcast::{self, GuestsCounted, GuestsCountedV1};

use crate::answers::dead_letter;

#[tokio::test]
async fn old_and_new_turnstiles_are_counted_together() {
    let system = TestSystem::new("upcast", vec![upcast::service()]).await;
    let screen = || "one".to_owned();
    let old = GuestsCountedV1 { screen: screen(), guests: 3 };
    let new = GuestsCounted { screen: screen(), adults: 2, children: 5 };
    system.publish_plain(&old).await;
    system.publish_plain(&new).await;
    system.publish_plain(&old).await;
    system
        .until("visitors", "select coalesce(sum(adults + children), 0)::bigint from screen", 13)
        .await;
    assert_eq!(system.value::<i64>("visitors", "select adults from screen").await, 8);
    assert_eq!(system.value::<i64>("visitors", "select children from screen").await, 5);

    // Nobody else may count.
    system.publish_as(system.new_id(), "door", None, &new).await;
    let headers = dead_letter(&system).await;
    assert_eq!(headers["x-dead-reason"], "forged_app_id", "{headers}");
    assert_eq!(system.value::<i64>("visitors", "select children from screen").await, 5);
    system.close(1).await;
}
