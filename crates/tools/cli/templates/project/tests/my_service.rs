//! The service on a real broker and a real database.

use ballet::SagaId;
use ballet_testkit::TestSystem;
use my_service::{PlacesFreed, RequestAnswered, RequestConfirmed};
use serde_json::{Value, json};

/// Makes a request for this many places.
async fn make(system: &TestSystem, places: u16) -> SagaId {
    let request = system.new_saga();
    let wish = json!({ "text": "A table by the window", "places": places });
    let (status, said) = system.post("my_service", &format!("/requests/{request}"), &wish).await;
    assert!(status.is_success(), "{status}: {said}");
    request
}

/// Waits until a request has this state.
async fn becomes(system: &TestSystem, request: SagaId, state: &str) {
    let query = format!("select state from request where request_id = '{request}'");
    system.until("my_service", &query, state).await;
}

#[tokio::test]
async fn a_request_is_confirmed_or_refused_and_one_that_is_withdrawn_frees_its_places() {
    let system = TestSystem::new("requests", vec![my_service::service()]).await;

    let answered = make(&system, 2).await;
    system.publish(answered, &RequestAnswered {}).await;
    system.event::<RequestConfirmed>(answered).await;
    becomes(&system, answered, "confirmed").await;

    let too_many = make(&system, 9).await;
    becomes(&system, too_many, "cancelled").await;

    let withdrawn = make(&system, 8).await;
    let held = format!("select count(*) from held where request_id = '{withdrawn}'");
    system.until("my_service", &held, 1).await;
    let path = format!("/requests/{withdrawn}/withdraw");
    let (status, said) = system.post("my_service", &path, &Value::Null).await;
    assert!(status.is_success(), "{status}: {said}");
    system.event::<PlacesFreed>(withdrawn).await;
    system.until("my_service", &held, 0).await;
    system.close(0).await;
}
