//! A request, published as anybody would from outside of the system.

use std::time::Duration;

use anyhow::{Result, bail};
use ballet::Clock;
use ballet_stage::{TestEnv, wait_until};
use serde_json::json;
use sqlx::{Connection, PgConnection};

const KEY: &str = "my_service.request_made.v1";
/// For a request to be accepted, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_mins(5);

/// Publishes a request, waits until the service has accepted it, and returns its id.
pub(crate) async fn make(env: &TestEnv) -> Result<String> {
    let clock = Clock::system();
    let [id, message] = [(); 2].map(|()| clock.new_id(clock.now()).to_string());
    let properties = json!({
        "message_id": message, "type": KEY, "correlation_id": id,
        "content_type": "application/json",
    });
    let body = json!({ "request_id": id, "text": "A table for two" }).to_string();
    if !env.management().publish("events", KEY, &properties, &body).await? {
        bail!("no service consumes {KEY}");
    }
    wait_until("the request", PATIENCE, || async {
        let state = state(env, &id).await.map_err(|error| error.to_string())?;
        Ok::<_, String>(state.filter(|state| state == "accepted"))
    })
    .await?;
    Ok(id)
}

async fn state(env: &TestEnv, id: &str) -> Result<Option<String>, sqlx::Error> {
    let mut db = PgConnection::connect(env.database_url("my_service")).await?;
    let found: Option<(String,)> =
        sqlx::query_as("select state from request where request_id = $1::uuid")
            .bind(id)
            .fetch_optional(&mut db)
            .await?;
    Ok(found.map(|(state,)| state))
}
