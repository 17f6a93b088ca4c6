//! The messages published to some exchanges, read from an extra queue beside the system's own.

use std::sync::{Mutex, PoisonError};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use ballet_stage::{Result, TestEnv};

use crate::members::members;

/// A batch is kept even if the next request fails.
const MANY: u32 = 1_000;

#[derive(Debug, Clone)]
pub(crate) struct PublishedMessage {
    pub(crate) routing_key: String,
    pub(crate) properties: Value,
    pub(crate) body: String,
}

impl PublishedMessage {
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

#[derive(Debug)]
pub(crate) struct MessageRecord {
    /// The queue gets a copy of each message.
    queue: &'static str,
    seen: Mutex<Vec<PublishedMessage>>,
}

impl MessageRecord {
    /// `of` has exchanges and binding keys.
    pub(crate) async fn begin(
        env: &TestEnv,
        queue: &'static str,
        bindings: &[(&str, &str)],
    ) -> Result<Self> {
        let (management, vhost) = (env.management(), env.vhost());
        let durable = json!({ "durable": true });
        management.call(Method::PUT, &["queues", vhost, queue], Some(&durable)).await?;
        for (exchange, key) in bindings {
            let path = ["bindings", vhost, "e", exchange, "q", queue];
            management.call(Method::POST, &path, Some(&json!({ "routing_key": key }))).await?;
        }
        Ok(Self { queue, seen: Mutex::default() })
    }

    /// Returns all messages so far.
    pub(crate) async fn read(&self, env: &TestEnv) -> Result<Vec<PublishedMessage>> {
        loop {
            let some = env.management().take(self.queue, MANY).await?;
            let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let count = some.len();
            all.extend(some.into_iter().flat_map(members).map(|one| parse_message(&one)));
            if count < MANY as usize {
                return Ok(all.clone());
            }
        }
    }
}

fn parse_message(message: &Value) -> PublishedMessage {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    PublishedMessage {
        routing_key: text(&message["routing_key"]),
        properties: message["properties"].clone(),
        body: text(&message["payload"]),
    }
}
