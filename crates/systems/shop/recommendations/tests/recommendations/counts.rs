//! Each confirmed order counts exactly once, and a cancelled one not at all.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::test_recommendations::{
    ORDERS, PAIRS, PRODUCTS, TestMessage, TestOrder, TestRecommendations,
};

async fn counted(service: &TestRecommendations) -> BTreeSet<String> {
    let orders = service.all(ORDERS).await;
    orders.iter().map(|order| order["order_id"].as_str().expect("an id").to_owned()).collect()
}

fn ids<'a>(orders: impl IntoIterator<Item = &'a TestOrder>) -> BTreeSet<String> {
    orders.into_iter().map(|order| order.order_id.to_string()).collect()
}

#[tokio::test]
async fn an_order_counts_once_in_whichever_order_its_events_come_and_never_if_it_is_cancelled() {
    let service = TestRecommendations::new("order").await;
    type Event = fn(&TestOrder) -> TestMessage;
    let (placed, confirmed, cancelled): (Event, Event, Event) =
        (TestOrder::placed, TestOrder::confirmed, TestOrder::cancelled);
    let (mut sold, mut nothing) = (Vec::new(), Vec::new());
    for (events, counts) in [
        (vec![placed, confirmed], true),
        (vec![confirmed, placed], true),
        (vec![placed], false),
        (vec![confirmed], false),
        (vec![placed, confirmed, cancelled], false),
        (vec![placed, cancelled, confirmed], false),
        (vec![confirmed, placed, cancelled], false),
        (vec![confirmed, cancelled, placed], false),
        (vec![cancelled, placed, confirmed], false),
        (vec![cancelled, confirmed, placed], false),
    ] {
        let order = TestOrder::of(["mug", "spoon"]);
        let messages: Vec<TestMessage> = events.iter().map(|event| event(&order)).collect();
        service.take_in_order(messages.iter().cloned()).await;
        // The broker repeats messages, and producers repeat events, later and in another order.
        service.take_in_order(messages.iter().rev().cloned()).await;
        service.take_in_order(messages.iter().rev().map(TestMessage::repeated)).await;
        if counts { sold.push(order) } else { nothing.push(order) }
    }
    assert_eq!(counted(&service).await, ids(&sold));
    let orders = sold.len();
    let products =
        [json!({ "sku": "mug", "orders": orders }), json!({ "sku": "spoon", "orders": orders })];
    assert_eq!(service.all(PRODUCTS).await, products);
    let pair = json!({ "sku": "mug", "other": "spoon", "orders": orders });
    assert_eq!(service.all(PAIRS).await, [pair]);
    assert_eq!(nothing.len(), 8);
    service.close().await;
}

#[tokio::test]
async fn what_is_unlearnt_leaves_no_trace_in_the_counts() {
    let service = TestRecommendations::new("unlearn").await;
    let stay = [
        TestOrder::of(["mug", "spoon", "tea"]),
        TestOrder::of(["mug", "tea"]).placed_at("2026-03-04T05:06:07Z"),
        TestOrder::of(["lamp"]),
    ];
    service.take(stay.iter().flat_map(TestOrder::sold)).await;
    let before = service.counts().await;
    assert_eq!(before.len(), 1 + 4 + 3);
    // Some share products, some have new ones, some are large.
    let mut go: Vec<TestOrder> = (0..20)
        .map(|n| TestOrder::of(["mug".to_owned(), format!("new-{n}"), "tea".to_owned()]))
        .collect();
    go.push(TestOrder::of((0..100).map(|n| format!("many-{n}"))));
    go.push(TestOrder::of(["mug", "spoon"]).placed_at("2025-02-03T04:05:06Z"));
    service.take(go.iter().flat_map(TestOrder::sold)).await;
    assert_eq!(counted(&service).await, ids(stay.iter().chain(&go)));
    assert_ne!(service.counts().await, before);
    service.take(go.iter().map(TestOrder::cancelled)).await;
    assert_eq!(service.counts().await, before);
    assert_eq!(counted(&service).await, ids(&stay));
    service.close().await;
}

/// Every order has the same products, so all lanes need the same rows.
#[tokio::test]
async fn replicas_and_lanes_count_each_order_once() {
    let service = TestRecommendations::with("lanes", 2, 3).await;
    let skus = |n: usize| (0..4).map(move |at| format!("p{}", (n * 7 + at * 3) % 6));
    let orders: Vec<TestOrder> = (0..150).map(|n| TestOrder::of(skus(n))).collect();
    let messages = orders.iter().enumerate().flat_map(|(n, order)| {
        let mut messages = Vec::from(order.sold());
        messages.push(order.confirmed());
        if n % 3 == 0 {
            messages.push(order.cancelled());
        }
        messages
    });
    service.take(messages).await;
    let sold: Vec<&TestOrder> =
        orders.iter().enumerate().filter(|(n, _)| n % 3 != 0).map(|(_, order)| order).collect();
    assert_eq!(counted(&service).await, ids(sold.iter().copied()));
    let (mut products, mut pairs) = (BTreeMap::<&str, i64>::new(), BTreeMap::<_, i64>::new());
    for order in &sold {
        let skus: BTreeSet<&str> = order.skus.iter().map(String::as_str).collect();
        for sku in &skus {
            *products.entry(*sku).or_default() += 1;
            for other in skus.range(*sku..).skip(1) {
                *pairs.entry((*sku, *other)).or_default() += 1;
            }
        }
    }
    let products: Vec<Value> =
        products.iter().map(|(sku, orders)| json!({ "sku": sku, "orders": orders })).collect();
    assert_eq!(service.all(PRODUCTS).await, products);
    let pair = |((sku, other), orders): (&(&str, &str), &i64)| json!({ "sku": sku, "other": other, "orders": orders });
    assert_eq!(service.all(PAIRS).await, pairs.iter().map(pair).collect::<Vec<_>>());
    service.close().await;
}
