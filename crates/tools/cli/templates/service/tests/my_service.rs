//! The service on a real broker and database, and its contract.

use ballet_testkit::TestSystem;
use my_service::events::{MyAbort, MyTrigger};

// Its steps do not disturb those of other sagas.
ballet_testkit::commutes!(my_service::service());

#[test]
fn the_contract_is_in_its_file_and_fits_the_others() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/my_system");
    ballet_testkit::assert_contract(folder, &my_service::service().contract());
}

#[tokio::test]
async fn the_part_is_done_and_taken_back_with_the_saga() {
    let system = TestSystem::new("my_service", vec![my_service::service()]).await;
    let saga = system.new_saga();
    let parts = format!("select count(*) from part where saga_id = '{saga}'");
    system.publish(saga, &MyTrigger {}).await;
    system.until("my_service", &parts, 1).await;
    system.publish(saga, &MyAbort {}).await;
    system.until("my_service", &parts, 0).await;
    system.close(0).await;
}
