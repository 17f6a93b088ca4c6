//! The service on a real broker and a real database.

use ballet::SagaId;
use ballet_testkit::TestSystem;
use my_service::{PlacesFreed, RequestAnswered, RequestConfirmed};
use serde_json::{Value, json};

ballet_testkit::commutes!(my_service::service());

/// Asks for this many places, which is answered with this status.
async fn ask(system: &TestSystem, request: SagaId, text: &str, places: u16, status: u16) {
    let path = format!("/requests/{request}");
    let wish = json!({ "text": text, "places": places });
    let (found, said) = system.post("my_service", &path, &wish).await;
    assert_eq!(found, status, "{said}");
}

async fn make(system: &TestSystem, places: u16) -> SagaId {
    let request = system.new_saga();
    ask(system, request, "A table", places, 200).await;
    request
}

async fn becomes(system: &TestSystem, request: SagaId, state: &str) {
    let query = format!("select state from request where request_id = '{request}'");
    system.until("my_service", &query, state).await;
}

#[test]
fn the_contract_is_that_of_its_file() {
    // `cargo ballet contract write my_service` makes it.
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts/my_system");
    if std::path::Path::new(folder).exists() {
        ballet_testkit::assert_contract(folder, &my_service::service().contract());
    }
}

#[tokio::test]
async fn a_request_is_confirmed_or_refused_and_one_that_is_withdrawn_frees_its_places() {
    let system = TestSystem::new("requests", vec![my_service::service()]).await;

    let answered = make(&system, 2).await;
    system.publish(answered, &RequestAnswered {}).await;
    system.event::<RequestConfirmed>(answered).await;
    becomes(&system, answered, "confirmed").await;
    ask(&system, answered, "A table", 2, 200).await;
    ask(&system, answered, "A table", 3, 409).await;
    ask(&system, answered, "A chair", 2, 409).await;

    for text in ["", "\0", &"a".repeat(1_001)] {
        ask(&system, system.new_saga(), text, 2, 422).await;
    }
    let of_2001 = "00e74b7f-6c00-7000-8000-000000000001".parse();
    ask(&system, of_2001.expect("a UUID"), "A table", 2, 422).await;

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
