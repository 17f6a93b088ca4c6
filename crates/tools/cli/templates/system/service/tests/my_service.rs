//! The service on a real broker and database, its routes, and its contract.

use ballet_testkit::TestSystem;
use jiff::SignedDuration;
use my_service::events::{PlacesFreed, RequestAnswered, RequestConfirmed, RequestId};
use serde_json::{Value, json};

const LONG: SignedDuration = SignedDuration::from_mins(15);

#[test]
fn the_contract_is_in_its_file_and_fits_the_others() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/my_system");
    ballet_testkit::assert_contract(folder, &my_service::participant(LONG).contract());
}

#[test]
fn every_route_is_described() {
    let document = my_service::http::api().document();
    assert_eq!(document.mistakes(), [""; 0]);
    let document = serde_json::from_str(&document.text()).expect("JSON");
    assert_eq!(ballet_testkit::openapi::lint(&document), [""; 0]);
}

/// Makes a request for this many places, and returns its id.
async fn make(system: &TestSystem, places: u16) -> RequestId {
    let wish = json!({ "text": "A table by the window", "places": places });
    let (status, made) = system.post("my_service", "/requests", &wish).await;
    assert_eq!(status, 201, "{made}");
    serde_json::from_value(made["request_id"].clone()).expect("an id")
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_the_same_however_many_come_at_once() {
    let system = TestSystem::new("again", vec![my_service::service()]).await;
    let wish = json!({ "text": "A table by the window", "places": 2 });
    let send = || system.post_under_key("my_service", "/requests", "once", &wish);
    let (_, first) = send().await;
    // More than there are connections for requests.
    let four = || async { tokio::join!(send(), send(), send(), send()) };
    let ((a, b, c, d), (e, f, g, h)) = tokio::join!(four(), four());
    for (status, made) in [a, b, c, d, e, f, g, h] {
        assert_eq!((status.as_u16(), &made["request_id"]), (201, &first["request_id"]), "{made}");
    }
    system.close(0).await;
}

#[tokio::test]
async fn a_wish_that_cannot_be_kept_is_refused() {
    let system = TestSystem::new("refused", vec![my_service::service()]).await;
    for text in [" ", "A table\0", &"a".repeat(1_001)] {
        let wish = json!({ "text": text, "places": 2 });
        let (status, problem) = system.post("my_service", "/requests", &wish).await;
        assert_eq!(status, 422, "{problem}");
    }
    system.close(0).await;
}

/// Waits until a request has this state.
async fn becomes(system: &TestSystem, RequestId(id): RequestId, state: &str) {
    let query = format!("select state from request where request_id = '{id}'");
    system.until("my_service", &query, state).await;
}

#[tokio::test]
async fn a_request_is_confirmed_once_it_is_answered_and_not_withdrawn_any_more() {
    let system = TestSystem::new("confirmed", vec![my_service::service()]).await;
    let request_id = make(&system, 2).await;
    system.publish(request_id.0, &RequestAnswered { request_id }).await;
    system.event::<RequestConfirmed>(request_id.0).await;
    becomes(&system, request_id, "confirmed").await;
    let path = format!("/requests/{request_id}/withdraw");
    let (status, _) = system.post("my_service", &path, &Value::Null).await;
    assert_eq!(status, 409);
    system.close(0).await;
}

#[tokio::test]
async fn a_request_for_too_many_is_refused_and_one_that_is_withdrawn_frees_its_places() {
    let system = TestSystem::new("cancelled", vec![my_service::service()]).await;
    let request_id = make(&system, 9).await;
    becomes(&system, request_id, "cancelled").await;

    let request_id = make(&system, 8).await;
    let held = format!("select count(*) from held where request_id = '{request_id}'");
    system.until("my_service", &held, 1).await;
    let path = format!("/requests/{request_id}/withdraw");
    let (status, _) = system.post("my_service", &path, &Value::Null).await;
    assert_eq!(status, 204);
    system.event::<PlacesFreed>(request_id.0).await;
    system.until("my_service", &held, 0).await;
    let (_, found) = system.get("my_service", &format!("/requests/{request_id}")).await;
    assert_eq!(found["reason"], "it was withdrawn");
    system.close(0).await;
}

#[tokio::test]
async fn a_request_that_nobody_answers_is_cancelled_at_its_deadline() {
    let soon = my_service::with_deadline(SignedDuration::from_secs(1));
    let system = TestSystem::new("overdue", vec![soon]).await;
    let request_id = make(&system, 2).await;
    becomes(&system, request_id, "cancelled").await;
    system.event::<PlacesFreed>(request_id.0).await;
    system.close(0).await;
}
