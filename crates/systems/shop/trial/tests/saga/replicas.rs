//! Several replicas of every service under load, with every event sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballet_amqp::{AMQPValue, Broker, Publish, RabbitMq};
use ballet_stage::wait_until;
use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::shop::{SOON, Shop, ShopOptions, USUAL, mugs};

/// The header of repeated events, so that they are not repeated for ever.
const COPY: &str = "x-copy";

/// Publishes every event once more, as a producer in doubt would: the same message with the same id. Counts the
/// copies.
async fn send_everything_twice(shop: &Shop, sent: &Arc<AtomicUsize>) -> JoinHandle<()> {
    let vhost = shop.env.vhost();
    let management = shop.env.management();
    let queue = json!({"durable": true, "arguments": {"x-queue-type": "classic"}});
    management
        .call(Method::PUT, &["queues", vhost, "copies"], Some(&queue))
        .await
        .expect("a queue");
    let binding = json!({"routing_key": "#"});
    management
        .call(Method::POST, &["bindings", vhost, "e", "events", "q", "copies"], Some(&binding))
        .await
        .expect("a binding");
    let broker = RabbitMq::new(shop.env.ops_amqp_url()).expect("a URL");
    let session = broker.connect("copies").await.expect("a connection");
    let mut confirms = session.confirms().await.expect("confirms");
    let mut deliveries = session.consume("copies", "copies", 1000).await.expect("deliveries");
    let sent = Arc::clone(sent);
    tokio::spawn(async move {
        loop {
            let delivery = tokio::select! {
                delivery = deliveries.next() => delivery,
                _ = confirms.next() => continue,
            };
            let Some(Ok(delivery)) = delivery else { return };
            session.ack(delivery.tag, false).await.expect("acknowledged");
            let mut headers = delivery.properties.headers().clone().unwrap_or_default();
            if headers.inner().contains_key(COPY) {
                continue;
            }
            headers.insert(COPY.into(), AMQPValue::Boolean(true));
            let copy = Publish {
                exchange: delivery.exchange,
                routing_key: delivery.routing_key,
                mandatory: false,
                properties: delivery.properties.with_headers(headers),
                body: delivery.body.into(),
            };
            session.publish(copy).expect("published");
            sent.fetch_add(1, Ordering::SeqCst);
        }
    })
}

async fn orders_of_all_kinds_end_as_they_have_to(name: &str, replicas: usize, lanes: u16) {
    let shop = Shop::with(name, ShopOptions { replicas, lanes, ..USUAL }).await;
    shop.receive("mug", "note-2", 990).await;
    let sent = Arc::default();
    let copies = send_everything_twice(&shop, &sent).await;
    let mut placed = Vec::new();
    for number in 0..60 {
        let (card, country, expected) = match number % 6 {
            0 => ("card_declined", "IE", "cancelled"),
            1 => ("card_approved", "AQ", "cancelled"),
            2 => ("card_capture_fails", "IE", "cancelled"),
            3 => ("card_flaky", "IE", "completed"),
            4 => ("card_slow", "IE", "either"),
            _ => ("card_approved", "IE", "completed"),
        };
        let mut checkout = mugs(1, card);
        checkout["ship_to"]["country"] = json!(country);
        placed.push((shop.place_order(&checkout).await, expected));
    }
    for (order_id, expected) in &mut placed {
        if *expected == "either" {
            let status = shop.cancel(order_id).await.status();
            *expected = if status == StatusCode::CONFLICT { "completed" } else { "cancelled" };
        }
    }
    for (order_id, expected) in &placed {
        shop.order_is(order_id, expected).await;
    }
    // Each order has at least two events: its placing and its end.
    wait_until("copies", SOON, || async {
        let sent = sent.load(Ordering::SeqCst);
        if sent >= 2 * placed.len() { Ok(Some(())) } else { Err(format!("{sent} so far")) }
    })
    .await
    .expect("copies of all events");
    shop.is_sound().await;
    let dead = shop.dead_letters().await;
    assert_eq!(dead, 0, "a copy is nobody's fault");
    copies.abort();
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t59_four_replicas_of_each_service_with_two_lanes_do_everything_once() {
    orders_of_all_kinds_end_as_they_have_to("four", 4, 2).await;
}
