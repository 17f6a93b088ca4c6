//! One trace shows an order, from the checkout over all services to the last event.

use std::collections::{BTreeMap, BTreeSet};

use ballet::core::SagaId;
use ballet_testkit::CollectedSpan;
use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{SOON, Shop, ShopOptions, USUAL, mugs};

/// The last span of `order_fulfillment`: no service consumes this event.
const LAST: &str = "publish orders.order_completed.v1";

#[tokio::test]
async fn t164_one_trace_leads_from_the_checkout_over_four_services_to_the_last_event() {
    let shop = Shop::with("traced", ShopOptions { traced: true, ..USUAL }).await;
    let order_id = shop.place_order(&mugs(2, "card_approved")).await;
    shop.order_is(&order_id, "completed").await;
    shop.is_sound().await;
    // The checkout came without a trace, so it has the saga's id.
    let saga: SagaId = order_id.parse().expect("an id");
    let trace_id = saga.0.simple().to_string();
    let complete = |spans: &[CollectedSpan]| {
        let ids: BTreeSet<&String> = spans.iter().map(|span| &span.span_id).collect();
        let is_whole =
            spans.iter().filter_map(|span| span.parent.as_ref()).all(|parent| ids.contains(parent));
        is_whole && spans.iter().any(|span| span.name == LAST)
    };
    let spans = shop.collector().until(&trace_id, SOON, complete).await.expect("a whole trace");

    let roots: Vec<_> = spans.iter().filter(|span| span.parent.is_none()).collect();
    assert_eq!(roots.len(), 1, "{roots:#?}");
    assert_eq!((&*roots[0].kind, &*roots[0].service), ("server", "orders"), "the checkout");
    assert_eq!(roots[0].attributes["url.path"], "/orders");
    let ids: BTreeSet<&String> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), spans.len(), "each has an id of its own");
    let kinds: BTreeSet<&str> = spans.iter().map(|span| &*span.kind).collect();
    assert_eq!(kinds, BTreeSet::from(["server", "consumer", "internal", "client", "producer"]));
    let services: BTreeSet<&str> = spans.iter().map(|span| &*span.service).collect();
    // The other services only follow the saga's events.
    let participants = BTreeSet::from(["orders", "inventory", "payments", "shipping"]);
    assert!(participants.is_subset(&services), "{services:?}");

    // The allowed parents of each kind: a step belongs to a received message or to the answer to a step's call; its
    // events and calls, and their receipts by others, follow from it.
    let by_id: BTreeMap<&String, &CollectedSpan> =
        spans.iter().map(|span| (&span.span_id, span)).collect();
    for span in &spans {
        let Some(parent) = span.parent.as_ref().map(|id| by_id[id]) else { continue };
        let allowed: &[&str] = match &*span.kind {
            "internal" => &["consumer", "internal"],
            "client" => &["internal"],
            _ => &["internal", "server"],
        };
        assert!(allowed.contains(&&*parent.kind), "{span:#?} is below {parent:#?}");
        let leaves_the_service = span.kind == "consumer";
        assert!(leaves_the_service || span.service == parent.service, "{span:#?} {parent:#?}");
        assert!(!span.failed, "{span:#?}");
        assert!(span.time.0 <= span.time.1, "{span:#?}");
    }
    for step in ["reserve_stock", "authorize_payment", "schedule_shipment", "capture_payment"] {
        let runs: Vec<_> = spans.iter().filter(|span| span.name == step).collect();
        assert!(!runs.is_empty(), "{step} ran");
        assert!(runs.iter().all(|run| run.attributes["ballet.saga_id"] == order_id));
    }
    shop.close().await;
}

/// For two orders, one by HTTP and one by a message, checks every event up to the last one.
#[tokio::test]
async fn t164_what_comes_beside_a_trace_reaches_the_last_event() {
    let shop = Shop::open("beside").await;
    let management = shop.env.management();
    let (vhost, durable) = (shop.env.vhost(), json!({"durable": true}));
    for (path, body) in [
        (vec!["queues", vhost, "probe"], durable),
        (vec!["bindings", vhost, "e", "events", "q", "probe"], json!({"routing_key": "#"})),
    ] {
        let method = if path.len() == 3 { Method::PUT } else { Method::POST };
        management.call(method, &path, Some(&body)).await.expect("a probe");
    }
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let (state, baggage) = ("vendor=1", "user=7,plan=free");
    let request = shop.client.post(format!("{}/orders", shop.url("orders")));
    let request = request.header("traceparent", trace).header("tracestate", state);
    let request = request.header("baggage", baggage).json(&mugs(1, "card_approved"));
    let response: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    let by_request = response["order_id"].as_str().expect("an id").to_owned();
    let clock = ballet::Clock::system();
    let by_message = clock.new_id(clock.now()).to_string();
    let headers = json!({"traceparent": trace, "tracestate": state, "baggage": baggage});
    let properties = json!({"message_id": by_message, "headers": headers});
    shop.drop_checkout(&properties, &mugs(1, "card_approved")).await;
    for order_id in [&by_request, &by_message] {
        shop.order_is(order_id, "completed").await;
    }
    shop.is_sound().await;
    let events = management.take("probe", 1000).await.expect("events");
    for order_id in [&by_request, &by_message] {
        let of_order = |event: &&Value| {
            event["properties"]["correlation_id"] == order_id.as_str()
                && event["properties"]["app_id"].is_string()
        };
        let of_order: Vec<_> = events.iter().filter(of_order).collect();
        let last = of_order.iter().find(|m| m["routing_key"] == "orders.order_completed.v1");
        assert!(last.is_some(), "{events:#?}");
        for event in of_order {
            let headers = &event["properties"]["headers"];
            assert_eq!(headers["traceparent"].as_str().map(|text| &text[..35]), Some(&trace[..35]));
            assert_eq!(
                (&headers["tracestate"], &headers["baggage"]),
                (&json!(state), &json!(baggage)),
                "{event}"
            );
        }
    }
    shop.close().await;
}
