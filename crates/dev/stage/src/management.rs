//! RabbitMQ's management API for tests and measurements.

use std::time::Duration;

use ballet::core::topology::JOURNAL;
use ballet_amqp::headers::{DEAD_DETAIL, DEAD_REASON};
use ballet_amqp::{ManagementApi, QueueDepth};
use ballet_ops::audit;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::{Value, json};
use url::Url;

use crate::error::{Error, Result};
use crate::wait::wait_until;

/// A broker under load may take this long to answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// The most messages that one request takes: a request that takes a minute is given up, and the messages that it took
/// by then are lost.
const PORTION: u32 = 1_000;

/// RabbitMQ's management API for an administrator and one vhost.
#[derive(Debug, Clone)]
pub struct ManagementClient {
    api: ManagementApi,
    /// The address, without user and password.
    address: Url,
}

impl ManagementClient {
    /// Needs an address with user and password. The virtual host is `/`.
    pub(crate) fn new(base: Url) -> Self {
        Self::of(ManagementApi::new(base, "/", PATIENCE))
    }

    fn of(api: ManagementApi) -> Self {
        Self { address: api.address(), api }
    }

    /// Makes a client for an address with user and password, such as `http://ops:secret@127.0.0.1:15672`.
    ///
    /// # Errors
    ///
    /// If the address is not of that form.
    pub fn at(address: &str, vhost: &str) -> Result<Self> {
        Ok(Self::of(ManagementApi::at(address, vhost, PATIENCE)?))
    }

    pub(crate) fn in_vhost(&self, vhost: &str) -> Self {
        Self::of(self.api.in_vhost(vhost))
    }

    /// Returns the API's address, without credentials.
    pub fn url(&self) -> &str {
        self.address.as_str()
    }

    pub(crate) fn address(&self) -> Url {
        self.address.clone()
    }

    /// Reads the counts of a queue of the vhost.
    pub async fn depth(&self, queue: &str) -> Result<QueueDepth> {
        Ok(self.api.depth(queue).await?)
    }

    /// Waits until `is` accepts a queue's counts. Gives up when they stay the same for `limit`.
    pub async fn until_depth(
        &self,
        queue: &str,
        limit: Duration,
        is: impl Fn(QueueDepth) -> bool,
    ) -> Result<()> {
        wait_until(&format!("other counts of the queue {queue}"), limit, || async {
            let depth = self.depth(queue).await.map_err(|error| error.to_string())?;
            if is(depth) { Ok(Some(())) } else { Err(format!("{depth:?}")) }
        })
        .await
    }

    /// Reads the names of the vhost's queues.
    pub async fn queues(&self) -> Result<Vec<String>> {
        let found = self.api.list("queues").await?;
        Ok(found.iter().filter_map(|queue| Some(queue["name"].as_str()?.to_owned())).collect())
    }

    /// Reads the queues and the dead letters, for [`ballet_ops::audit`]. It reads at most `dead_letters`
    /// messages of each dead-letter queue.
    pub async fn audited(&self, dead_letters: u32) -> Result<audit::BrokerSnapshot> {
        let queues = self.api.list("queues").await?;
        let held = audit::stay_held(&queues, || self.api.list("queues")).await?;
        let found = self.api.list("queues").await?;
        let mut broker = audit::BrokerSnapshot { held, ..audit::BrokerSnapshot::default() };
        let on_their_way = audit::held_in(&found);
        for queue in &found {
            let Some(name) = queue["name"].as_str().filter(|name| *name != JOURNAL) else {
                continue;
            };
            let counted = |field: &str| queue[field].as_u64().unwrap_or_default();
            let held = on_their_way.get(name).copied().unwrap_or_default();
            let mut count = counted("messages_ready") + counted("messages_unacknowledged") + held;
            if let Some(service) = name.strip_suffix(".dead") {
                // The counts may be some seconds old.
                let dead = self.peek(name, dead_letters).await?;
                count = count.max(dead.len() as u64);
                broker
                    .dead_letters
                    .extend(dead.iter().map(|message| as_dead_letter(service, message)));
            }
            broker.queues.insert(name.to_owned(), count);
        }
        Ok(broker)
    }

    /// Deletes a queue with its messages.
    pub async fn delete_queue(&self, queue: &str) -> Result<()> {
        self.call(Method::DELETE, &["queues", self.api.vhost(), queue], None).await.map(drop)
    }

    /// Reads up to `count` messages and leaves them in the queue.
    ///
    /// A quorum queue counts this as a delivery; a stream cannot be read this way. The fields are those
    /// of the management API: `properties`, `payload`, `routing_key` and so on.
    pub async fn peek(&self, queue: &str, count: u32) -> Result<Vec<Value>> {
        self.messages(queue, count, "ack_requeue_true").await
    }

    /// Takes up to `count` messages out of a queue.
    pub async fn take(&self, queue: &str, count: u32) -> Result<Vec<Value>> {
        let mut taken = Vec::new();
        let mut left = count;
        while left > 0 {
            let wanted = left.min(PORTION);
            let some = self.messages(queue, wanted, "ack_requeue_false").await?;
            let found = u32::try_from(some.len()).unwrap_or(wanted);
            taken.extend(some);
            // The last portion, or an empty queue.
            left = if found < wanted { 0 } else { left - wanted };
        }
        Ok(taken)
    }

    async fn messages(&self, queue: &str, count: u32, mode: &str) -> Result<Vec<Value>> {
        let wanted = json!({ "count": count, "ackmode": mode, "encoding": "auto" });
        let path = ["queues", self.api.vhost(), queue, "get"];
        let found = self.call(Method::POST, &path, Some(&wanted)).await?;
        Ok(serde_json::from_value(found).unwrap_or_default())
    }

    /// Publishes a message like the console's form. Returns whether it reached a queue.
    pub async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: &Value,
        payload: impl AsRef<[u8]>,
    ) -> Result<bool> {
        let message = json!({
            "properties": properties, "routing_key": routing_key,
            "payload": STANDARD.encode(payload), "payload_encoding": "base64",
        });
        let path = ["exchanges", self.api.vhost(), exchange, "publish"];
        let answer = self.call(Method::POST, &path, Some(&message)).await?;
        Ok(answer["routed"].as_bool().unwrap_or(false))
    }

    /// Reads the connections to the vhost, as in the management API.
    pub async fn connections(&self) -> Result<Vec<Value>> {
        let found =
            self.call(Method::GET, &["vhosts", self.api.vhost(), "connections"], None).await?;
        Ok(serde_json::from_value(found).unwrap_or_default())
    }

    /// Closes the connections of a client name from the broker's side. It waits until there is one, and
    /// returns how many it closed.
    pub async fn close_connections(&self, client_name: &str) -> Result<usize> {
        let what = format!("a connection named {client_name} to close");
        wait_until(&what, Duration::from_secs(60), || self.close_present(client_name)).await
    }

    async fn close_present(&self, client_name: &str) -> Result<Option<usize>> {
        let mut closed = 0;
        for connection in self.connections().await? {
            let name = &connection["client_properties"]["connection_name"];
            let Some(id) = connection["name"].as_str().filter(|_| name == client_name) else {
                continue;
            };
            match self.call(Method::DELETE, &["connections", id], None).await {
                Ok(_) => closed += 1,
                // The list lags: the connection is gone already.
                Err(Error::Management(error)) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok((closed > 0).then_some(closed))
    }

    /// Makes any other call. Parts of the path are encoded here, so a vhost may be named `/`.
    ///
    /// # Errors
    ///
    /// If there is no answer, also not to the repetitions of [`ManagementApi::call`].
    pub async fn call(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value> {
        Ok(self.api.call(method, path, body).await?)
    }
}

fn as_dead_letter(service: &str, message: &Value) -> audit::DeadLetterSnapshot {
    let properties = &message["properties"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let header = |name: &str| text(&properties["headers"][name]);
    let reason = match (header(DEAD_REASON), header(DEAD_DETAIL)) {
        // The broker's own dead letter, from a crash loop or a rejecting consumer.
        (code, detail) if code.is_empty() && detail.is_empty() => {
            text(&properties["headers"]["x-first-death-reason"])
        }
        (code, detail) => format!("{code}: {detail}"),
    };
    audit::DeadLetterSnapshot {
        service: service.to_owned(),
        saga: text(&properties["correlation_id"]).parse().ok(),
        event_type: text(&properties["type"]),
        reason,
    }
}
