//! The service on a real broker and database, and its contract.

use ballet_testkit::TestSystem;
use my_service::events::{RequestMade, RequestWithdrawn};

#[test]
fn the_contract_is_in_its_file_and_fits_the_others() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/my_system");
    ballet_testkit::assert_contract(folder, &my_service::participant().contract());
}

#[tokio::test]
async fn a_request_is_accepted_and_cancelled_when_it_is_withdrawn() {
    let system = TestSystem::new("my_service", vec![my_service::service()]).await;
    let request_id = system.new_id();
    let state = format!("select state from request where request_id = '{request_id}'");
    let text = "A table for two".to_owned();
    system.publish(request_id, &RequestMade { request_id, text }).await;
    system.until("my_service", &state, "accepted").await;
    system.publish(request_id, &RequestWithdrawn { request_id }).await;
    system.until("my_service", &state, "cancelled").await;
    system.close(0).await;
}
