//! Tests of the example `refuse`.

use ballet_testkit::TestSystem;
use concepts::refuse::{self, SeatsFreed};
use concepts::ticket_order::{SeatsHeld, SoldOut};

use crate::compensate::{cancelled, ordered};

const FREE: &str = "select free::bigint from show where show = 'premiere'";

#[tokio::test]
async fn the_last_seats_are_held_and_whoever_comes_after_is_refused() {
    let system = TestSystem::new("refuse", vec![refuse::service()]).await;
    let (first, late) = (system.new_id(), system.new_id());
    system.publish(first, &ordered(first, 2, 0)).await;
    system.publish(late, &ordered(late, 1, 0)).await;
    assert_eq!(system.event::<SeatsHeld>(first).await.seats, 2);
    system.event::<SoldOut>(late).await;
    assert_eq!(system.value::<i64>("hall", FREE).await, 0);

    // The box office aborts both. Only the order that got seats gives some back.
    system.publish(late, &cancelled(late)).await;
    system.publish(first, &cancelled(first)).await;
    system.event::<SeatsFreed>(first).await;
    assert_eq!(system.value::<i64>("hall", FREE).await, 2);
    assert!(system.events::<SeatsFreed>(late).await.is_empty());

    let third = system.new_id();
    system.publish(third, &ordered(third, 2, 0)).await;
    system.event::<SeatsHeld>(third).await;
    system.close(0).await;
}
