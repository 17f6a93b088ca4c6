//! The service on a real broker and database, and its contract.

use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Clock, Event, SagaId, Settings};
use ballet_stage::{Servers, TestEnv, wait_until};
use my_service::events::{MyAbort, MyTrigger};
use serde_json::json;
use sqlx::{Connection, PgConnection};

/// For what hangs: nothing here takes long.
const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn the_contract_is_in_its_file_and_fits_the_others() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/my_system");
    ballet_testkit::assert_contract(folder, &my_service::participant().contract());
}

#[tokio::test]
async fn the_part_is_done_and_taken_back_with_the_saga() {
    let servers = Servers::shared().await.expect("servers");
    let system = System { name: "my_system", parts: vec![my_service::participant().part()] };
    let definitions = topology::definitions(&system, |_| String::new());
    let env = TestEnv::new(servers, "my_service", &definitions, &["my_service"])
        .await
        .expect("a test environment");
    let settings = Settings::new(env.amqp_url("my_service"), env.database_url("my_service"));
    let running = my_service::service().start(settings).await.expect("started");

    let clock = Clock::system();
    let saga = SagaId(clock.new_id(clock.now()));
    publish(&env, &clock, saga, &MyTrigger {}).await;
    until_done(&env, saga, true).await;
    publish(&env, &clock, saga, &MyAbort {}).await;
    until_done(&env, saga, false).await;

    running.stop().await;
    env.close().await.expect("closed");
}

async fn publish<E: Event>(env: &TestEnv, clock: &Clock, saga: SagaId, event: &E) {
    let properties = json!({
        "message_id": clock.new_id(clock.now()).to_string(), "type": E::TYPE.name(),
        "correlation_id": saga.to_string(), "content_type": "application/json",
    });
    let body = serde_json::to_string(event).expect("JSON");
    let routed = env.management().publish("events", E::TYPE.name(), &properties, &body).await;
    assert!(routed.expect("published"), "{} reaches nobody", E::TYPE);
}

async fn until_done(env: &TestEnv, saga: SagaId, expected: bool) {
    wait_until("the part", LIMIT, || async {
        let url = env.database_url("my_service");
        let mut db = PgConnection::connect(url).await.map_err(|error| error.to_string())?;
        let found: (bool,) = sqlx::query_as("select exists (select from part where saga_id = $1)")
            .bind(saga.0)
            .fetch_one(&mut db)
            .await
            .map_err(|error| error.to_string())?;
        if found.0 == expected { Ok(Some(())) } else { Err(format!("not yet {expected}")) }
    })
    .await
    .expect("the part");
}
