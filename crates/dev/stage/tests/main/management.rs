//! A management API that answers 500 now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use ballet_stage::{ManagementClient, Method};
use serde_json::json;
use tokio::net::TcpListener;

/// Refuses the first two calls. Returns the count of its calls, too.
async fn busy() -> (ManagementClient, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let answer = move || async move {
        match counted.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => (StatusCode::INTERNAL_SERVER_ERROR, ""),
            _ => (StatusCode::OK, "[]"),
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
    (ManagementClient::at(&format!("http://ops:secret@{address}"), "shop").unwrap(), calls)
}

#[tokio::test]
async fn a_call_without_harm_is_repeated_when_the_broker_answers_500() {
    let (broker, calls) = busy().await;
    assert!(broker.queues().await.unwrap().is_empty());
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    let (broker, calls) = busy().await;
    broker.call(Method::POST, &["definitions"], Some(&json!({}))).await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_message_is_published_once_even_if_the_broker_answers_500() {
    let (broker, calls) = busy().await;
    let refused = broker.publish("events", "orders.x", &json!({}), "{}").await.unwrap_err();
    assert!(refused.to_string().contains("500"), "{refused}");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}
