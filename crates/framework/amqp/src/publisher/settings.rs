//! Settings of the publish role.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::session::expected_objects::ExpectedObjects;

/// Settings of the publish role.
#[derive(Debug, Clone)]
pub struct PublisherSettings {
    /// The name of the service, used in the connection name.
    pub service: String,
    /// The name of this process, used in the connection name.
    pub instance: String,
    /// The role of this publisher: the label of its metrics, if a process has several.
    pub role: &'static str,
    /// The objects that must exist before publishing starts.
    pub expected: ExpectedObjects,
    /// The routing keys that the service declares. While the right to one of them is missing, its
    /// messages wait. A message with another key that is refused can never be published.
    pub keys: BTreeSet<String>,
    /// The maximum number of unconfirmed messages in flight.
    pub window: usize,
    /// The maximum number of messages in memory. Batches beyond that are spilled.
    pub max_in_memory: usize,
    /// The maximum number of body bytes in memory. Batches beyond that are spilled.
    pub max_bytes_in_memory: usize,
    /// The maximum number of messages in memory whose batches wait until somebody repairs the
    /// broker, because the right to a routing key is missing, or a queue confirms nothing. They do
    /// not count for the bounds above. Messages beyond that are left behind in the outbox.
    pub max_held: usize,
    /// The maximum number of body bytes of the messages that [`max_held`](Self::max_held) bounds.
    pub max_bytes_held: usize,
    /// The maximum time without a confirm of the oldest message, before another connection is
    /// opened. Messages with the key of an unconfirmed one wait, and one is tried now and then. If
    /// messages of other keys are not confirmed either, the limit doubles, up to sixteen times.
    pub confirm_limit: Duration,
}

impl PublisherSettings {
    /// Creates settings with the default bounds: 2,000 messages in flight, 6,000 messages and 256
    /// MiB in memory, 2,000 messages and 64 MiB that wait for a repair of the broker, and 30
    /// seconds for a confirm.
    pub fn new(service: impl Into<String>, instance: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            instance: instance.into(),
            role: "publish",
            expected: ExpectedObjects::new(),
            keys: BTreeSet::new(),
            window: 2_000,
            max_in_memory: 6_000,
            max_bytes_in_memory: 256 * 1024 * 1024,
            max_held: 2_000,
            max_bytes_held: 64 * 1024 * 1024,
            confirm_limit: Duration::from_secs(30),
        }
    }
}
