//! Tests of the example `failures`.

use ballet_testkit::TestSystem;
use concepts::failures::{self, OvenHeated, PizzaOrdered};

use crate::answers::dead_letter;

const BAKED: &str = "select count(*) from baked";

async fn order(system: &TestSystem, oven: &str, pizza: &str) {
    let order = PizzaOrdered { oven: oven.to_owned(), pizza: pizza.to_owned() };
    system.publish_plain(&order).await;
}

async fn heat(system: &TestSystem, oven: &str, celsius: u16) {
    system.publish_plain(&OvenHeated { oven: oven.to_owned(), celsius }).await;
}

#[tokio::test]
async fn what_fails_for_now_is_tried_again_and_baked_once() {
    let kitchen = failures::service();
    let mut system = TestSystem::asleep("for_now", vec![kitchen.part()]).await;
    // In this order both orders fail at first: one oven is cold, the other unknown.
    heat(&system, "left", 20).await;
    order(&system, "left", "funghi").await;
    order(&system, "right", "margherita").await;
    heat(&system, "left", 250).await;
    heat(&system, "right", 250).await;
    system.start(kitchen).await;
    system.until("kitchen", BAKED, 2).await;
    assert_eq!(system.value::<i64>("kitchen", "select count(*) from ballet.failure").await, 2);
    assert_eq!(system.value::<i64>("kitchen", BAKED).await, 2);
    system.close(0).await;
}

#[tokio::test]
async fn an_oven_that_stays_cold_makes_a_dead_letter_after_the_last_retry() {
    let system = TestSystem::new("cold", vec![failures::service()]).await;
    heat(&system, "left", 20).await;
    order(&system, "left", "funghi").await;
    let headers = dead_letter(&system).await;
    assert_eq!(headers["x-dead-reason"], "failed");
    assert_eq!(headers["x-dead-detail"], "the oven has 20 °C");
    // At once and once more; the same after each of two delays.
    assert_eq!(headers["x-attempts"], 6);
    assert_eq!(system.value::<i64>("kitchen", BAKED).await, 0);
    system.close(1).await;
}

#[tokio::test]
async fn what_no_retry_can_help_is_a_dead_letter_at_once() {
    let system = TestSystem::new("menu", vec![failures::service()]).await;
    order(&system, "left", "hawaii").await;
    let headers = dead_letter(&system).await;
    assert_eq!(headers["x-dead-reason"], "permanent");
    assert_eq!(headers["x-dead-detail"], "\"hawaii\" is not on the menu");
    assert_eq!(headers["x-attempts"], 1);
    system.close(1).await;
}
