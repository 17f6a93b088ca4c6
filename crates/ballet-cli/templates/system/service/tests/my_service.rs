//! The service on a real broker and database, and its contract.

use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Clock, Event, Settings};
use ballet_stage::{Servers, TestEnv, wait_until};
use my_service::events::{RequestMade, RequestWithdrawn};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// For what hangs: nothing here takes long.
const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn the_contract_is_in_its_file_and_fits_the_others() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/my_system");
    ballet_testkit::assert_contract(folder, &my_service::participant().contract());
}

#[tokio::test]
async fn a_request_is_accepted_and_cancelled_when_it_is_withdrawn() {
    let servers = Servers::shared().await.expect("servers");
    let system = System { name: "my_system", parts: vec![my_service::participant().part()] };
    let definitions = topology::definitions(&system, |_| String::new());
    let env = TestEnv::new(servers, "my_service", &definitions, &["my_service"])
        .await
        .expect("a test environment");
    let settings = Settings::new(env.amqp_url("my_service"), env.database_url("my_service"));
    let running = my_service::service().start(settings).await.expect("started");

    let clock = Clock::system();
    let request_id = clock.new_id(clock.now());
    let text = "A table for two".to_owned();
    publish(&env, &clock, request_id, &RequestMade { request_id, text }).await;
    until_state(&env, request_id, "accepted").await;
    publish(&env, &clock, request_id, &RequestWithdrawn { request_id }).await;
    until_state(&env, request_id, "cancelled").await;

    running.stop().await;
    env.close().await.expect("closed");
}

async fn publish<E: Event>(env: &TestEnv, clock: &Clock, saga: Uuid, event: &E) {
    let properties = json!({
        "message_id": clock.new_id(clock.now()).to_string(), "type": E::TYPE.name(),
        "correlation_id": saga.to_string(), "content_type": "application/json",
    });
    let body = serde_json::to_string(event).expect("JSON");
    let routed = env.management().publish("events", E::TYPE.name(), &properties, &body).await;
    assert!(routed.expect("published"), "{} reaches nobody", E::TYPE);
}

async fn until_state(env: &TestEnv, request_id: Uuid, expected: &str) {
    wait_until("the request's state", LIMIT, || async {
        let url = env.database_url("my_service");
        let mut db = PgConnection::connect(url).await.map_err(|error| error.to_string())?;
        let found: Option<(String,)> =
            sqlx::query_as("select state from request where request_id = $1")
                .bind(request_id)
                .fetch_optional(&mut db)
                .await
                .map_err(|error| error.to_string())?;
        match found {
            Some((state,)) if state == expected => Ok(Some(())),
            other => Err(format!("{other:?} instead of {expected}")),
        }
    })
    .await
    .expect("the state");
}
