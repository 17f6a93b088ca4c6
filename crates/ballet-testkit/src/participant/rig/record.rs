//! What the participant has published, as a queue beside the system's own has it.

use std::sync::{Mutex, PoisonError};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use ballet_stage::Result;
use ballet_stage::TestEnv;

/// The queue that gets a copy of each event.
const RECORD: &str = "record";
/// How many messages are read in one request.
const MANY: u32 = 200;

/// An event as it was published.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) routing_key: String,
    pub(crate) properties: Value,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn property(&self, name: &str) -> &str {
        self.properties[name].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.properties["headers"][name].as_str().unwrap_or_default()
    }

    pub(crate) fn is_of(&self, saga: Uuid) -> bool {
        self.property("correlation_id").parse() == Ok(saga)
    }
}

/// All events that have come so far.
#[derive(Debug, Default)]
pub(crate) struct Record(Mutex<Vec<Seen>>);

impl Record {
    /// Keeps all events of a service from now on.
    pub(crate) async fn begin(env: &TestEnv, service: &str) -> Result<Self> {
        let (management, vhost) = (env.management(), env.vhost());
        let (durable, of_service) =
            (json!({ "durable": true }), json!({ "routing_key": format!("{service}.#") }));
        management.call(Method::PUT, &["queues", vhost, RECORD], Some(&durable)).await?;
        let path = ["bindings", vhost, "e", "events", "q", RECORD];
        management.call(Method::POST, &path, Some(&of_service)).await?;
        Ok(Self::default())
    }

    /// Reads what has come since, and returns all.
    pub(crate) async fn read(&self, env: &TestEnv) -> Result<Vec<Seen>> {
        loop {
            let some = env.management().take(RECORD, MANY).await?;
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(some.iter().map(seen));
            if some.is_empty() {
                return Ok(all.clone());
            }
        }
    }
}

fn seen(message: &Value) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Seen {
        routing_key: text(&message["routing_key"]),
        properties: message["properties"].clone(),
        body: text(&message["payload"]),
    }
}
