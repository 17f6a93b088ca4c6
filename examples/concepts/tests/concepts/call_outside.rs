//! Tests of the example `call_outside`.

use ballet_testkit::TestSystem;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use ballet::client::{ApiClient, ApiConnection, Secrets};
use concepts::call_outside::{self, CardRefunded};
use concepts::ticket_order::{CardCharged, CardDeclined, SeatsHeld, TicketsOrdered};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::compensate::{cancelled, ordered};

/// A processor that acts once for each key, and cannot answer at first.
#[derive(Clone, Default)]
pub(crate) struct Processor(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    /// Path and answer by key.
    done: BTreeMap<Uuid, (&'static str, Value)>,
    asked: Vec<Uuid>,
    /// The number of answers that are lost from now on.
    lost: usize,
}

impl Processor {
    pub(crate) async fn client(&self) -> ApiClient {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = Router::new()
            .route(
                "/charges",
                post(async |State(it): State<Self>, headers: HeaderMap, body: String| {
                    it.act("charges", &headers, &body)
                }),
            )
            .route(
                "/refunds",
                post(async |State(it): State<Self>, headers: HeaderMap, body: String| {
                    it.act("refunds", &headers, &body)
                }),
            )
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let key = Secrets::of("PROCESSOR_KEY", Some("our-key"), None, 1).expect("a key");
        let (url, key) = (url.parse().expect("a URL"), key.expect("a key"));
        let timeout = Duration::from_secs(10);
        ApiClient::new(ApiConnection { url, key, ca_file: None, timeout }).expect("a client")
    }

    fn act(&self, path: &'static str, headers: &HeaderMap, body: &str) -> (StatusCode, String) {
        let key: Uuid = headers["idempotency-key"].to_str().expect("text").parse().expect("a UUID");
        let request: Value = serde_json::from_str(body).expect("JSON");
        let answer = match (path, request["card"].as_str()) {
            ("charges", Some("card_good")) => json!({ "result": "charged" }),
            ("charges", _) => json!({ "result": "declined", "reason": "no such card" }),
            _ => json!({ "result": "refunded" }),
        };
        let mut memory = self.0.lock().expect("a memory");
        memory.asked.push(key);
        let (_, answer) = memory.done.entry(key).or_insert((path, answer));
        let answer = answer.to_string();
        if memory.lost > 0 {
            memory.lost -= 1;
            return (StatusCode::BAD_GATEWAY, "the answer is lost".to_owned());
        }
        (StatusCode::OK, answer)
    }

    pub(crate) fn done(&self) -> Vec<&'static str> {
        let memory = self.0.lock().expect("a memory");
        let mut done: Vec<_> = memory.done.values().map(|(path, _)| *path).collect();
        done.sort_unstable();
        done
    }
}

#[tokio::test]
async fn a_card_is_charged_once_although_answers_are_lost_and_refunded_under_another_key() {
    let processor = Processor::default();
    let system =
        TestSystem::new("charge", vec![call_outside::service(processor.client().await)]).await;
    processor.0.lock().expect("a memory").lost = 2;
    let order_id = system.new_id();
    let held = SeatsHeld { order_id, show: "premiere".to_owned(), seats: 1 };
    // In the other order than usual.
    system.publish(order_id, &held).await;
    system.publish(order_id, &ordered(order_id, 1, 0)).await;
    assert_eq!(system.event::<CardCharged>(order_id).await.price_cents, 1_200);
    let asked = processor.0.lock().expect("a memory").asked.clone();
    assert_eq!(asked, [asked[0]; 3], "under the same key, until there was an answer");
    assert_eq!(processor.done(), ["charges"]);

    system.publish(order_id, &cancelled(order_id)).await;
    system.event::<CardRefunded>(order_id).await;
    assert_eq!(processor.done(), ["charges", "refunds"]);
    system.close(0).await;
}

#[tokio::test]
async fn the_no_of_the_processor_is_a_refusal_and_asked_for_once() {
    let processor = Processor::default();
    let system =
        TestSystem::new("decline", vec![call_outside::service(processor.client().await)]).await;
    let order_id = system.new_id();
    let order = TicketsOrdered { card: "card_stolen".to_owned(), ..ordered(order_id, 1, 0) };
    system.publish(order_id, &order).await;
    system.publish(order_id, &SeatsHeld { order_id, show: order.show, seats: 1 }).await;
    assert_eq!(system.event::<CardDeclined>(order_id).await.reason, "no such card");
    assert_eq!(processor.0.lock().expect("a memory").asked.len(), 1);
    system.close(0).await;
}
