//! Tests of the example `failures`.

use concepts::failures::{self, OvenHeated, PizzaOrdered};

use crate::world::World;

const BAKED: &str = "select count(*) from baked";

async fn order(world: &World, oven: &str, pizza: &str) {
    let order = PizzaOrdered { oven: oven.to_owned(), pizza: pizza.to_owned() };
    world.publish_plain("till", &order).await;
}

async fn heat(world: &World, oven: &str, celsius: u16) {
    world.publish_plain("thermostat", &OvenHeated { oven: oven.to_owned(), celsius }).await;
}

#[tokio::test]
async fn what_fails_for_now_is_tried_again_and_baked_once() {
    let kitchen = failures::service();
    let mut world = World::asleep("for_now", vec![kitchen.part()]).await;
    // All wait in this order, so both orders fail at first: one oven is cold, and of the other nothing is known.
    heat(&world, "left", 20).await;
    order(&world, "left", "funghi").await;
    order(&world, "right", "margherita").await;
    heat(&world, "left", 250).await;
    heat(&world, "right", 250).await;
    world.start(kitchen).await;
    world.until("kitchen", BAKED, 2).await;
    let waited = world.seen("retry.5s").await;
    let reasons: Vec<_> = waited.iter().map(|m| &m["properties"]["headers"]).collect();
    assert_eq!(waited.len(), 2, "{reasons:#?}");
    // No attempt left a row.
    assert_eq!(world.value::<i64>("kitchen", BAKED).await, 2);
    world.close(0).await;
}

#[tokio::test]
async fn an_oven_that_stays_cold_makes_a_dead_letter_after_the_last_retry() {
    let world = World::new("cold", vec![failures::service()]).await;
    heat(&world, "left", 20).await;
    order(&world, "left", "funghi").await;
    let headers = world.dead_letter().await;
    assert_eq!(headers["x-dead-reason"], "failed");
    assert_eq!(headers["x-dead-detail"], "the oven has 20 °C");
    // At once and once more; the same after each of two delays.
    assert_eq!(headers["x-attempts"], 6);
    assert_eq!(world.value::<i64>("kitchen", BAKED).await, 0);
    world.close(1).await;
}

#[tokio::test]
async fn what_no_retry_can_help_is_a_dead_letter_at_once() {
    let world = World::new("menu", vec![failures::service()]).await;
    order(&world, "left", "hawaii").await;
    let headers = world.dead_letter().await;
    assert_eq!(headers["x-dead-reason"], "permanent");
    assert_eq!(headers["x-dead-detail"], "\"hawaii\" is not on the menu");
    assert_eq!(headers["x-attempts"], 1);
    assert!(world.seen("retry.5s").await.is_empty());
    world.close(1).await;
}
