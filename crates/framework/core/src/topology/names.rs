//! The names of the broker's objects and users, and the limits of its queues.

use crate::events::telemetry::TelemetryType;

/// The topic exchange for all events.
pub const EVENTS: &str = "events";
/// The internal exchange that routes events to the services. It is a direct exchange, since types
/// are bound without wildcards, and the broker looks a type up once instead of word by word.
pub const ROUTE: &str = "route";
/// The exchange and the bounded queue for events that no service and no declaration knows.
pub const UNROUTED: &str = "unrouted";
/// The topic exchange in front of the dead-letter queues. The routing key is the service's name.
pub const DEAD: &str = "dead";
/// The internal exchange between [`DEAD`] and the queues in which foreign producers find what became of
/// their messages. It routes by the header [`DEAD_PRODUCER`].
pub const RETURNED: &str = "returned";
/// The header of a dead letter that names the foreign producer of its message.
pub const DEAD_PRODUCER: &str = "x-dead-producer";
/// The stream of all events.
pub const JOURNAL: &str = "journal";
/// The policy of the journal. RabbitMQ's console shows its name beside the number of messages.
pub const JOURNAL_POLICY: &str = "all-events-of-7-days-not-a-backlog";
/// How many days the journal keeps what is published, by its policy.
pub const JOURNAL_DAYS: i64 = 7;
/// The bytes beyond which it keeps less, so that the disk does not fill. Such a loss is reported.
pub const JOURNAL_BYTES: u64 = 20_000_000_000;
/// The journal forgets a segment as a whole, and only when a newer one is full: 500 MB by RabbitMQ's default, which a
/// quiet system publishes in years.
pub(crate) const JOURNAL_SEGMENT_BYTES: u64 = 20_000_000;
/// The retry queues, each with its delay in milliseconds. The routing key is the queue that the
/// message returns to.
pub const RETRIES: [(&str, u32); 3] =
    [("retry.5s", 5_000), ("retry.30s", 30_000), ("retry.5m", 300_000)];
/// The maximum size of bodies in bytes of each queue of retries, and each of dead letters. Beyond
/// these bounds the broker refuses what comes, and the service's database keeps it.
pub(crate) const MOST_SET_ASIDE_BYTES: u64 = 1_000_000_000;
/// The maximum number of messages of each queue of retries.
pub(crate) const MOST_RETRIES: u32 = 1_000_000;
/// The maximum number of messages of each queue of dead letters. It is lower, because outsiders
/// choose their headers.
pub(crate) const MOST_DEAD: u32 = 100_000;
/// How often a message comes again before the service takes it for the cause of a crash loop, and
/// sets it aside.
pub const DELIVERY_LIMIT: u32 = 20;
/// How often a message may come again, or be looked at in the console. A look counts as a delivery, and from
/// RabbitMQ 4 on a queue without a limit drops or dead-letters a message after 20 deliveries.
pub const LOOK_LIMIT: u32 = 1_000_000_000;
/// The user of operators.
pub const OPS: &str = "ops";
/// The user of the tools that redrive. It reads dead letters and the journal. Only it and the
/// operators may write to the default exchange, which reaches every queue.
pub const REDRIVE: &str = "redrive";
/// The user of `ballet topology`. It may read and create the system's own objects.
pub const TOPOLOGY: &str = "topology";
/// The user that may read the journal, and nothing else.
pub const TAP: &str = "tap";

/// The notes of tools: how a message was dealt with, or that the journal was searched for missed
/// messages. A note goes to the exchange [`DEAD`] with the routing key `<note>.<service>`, so only
/// the journal gets it.
pub const NOTES: [&str; 5] = ["redriven", "edited", "discarded", "retried", "searched"];

/// The topic exchange for telemetry. The routing key is `<type>.<partition>`.
pub const TELEMETRY: &str = "telemetry";

/// The name of the stream with one partition of telemetry.
#[must_use]
pub fn telemetry_stream(telemetry: TelemetryType, partition: u16) -> String {
    format!("{TELEMETRY}.{}", telemetry.routing_key(partition))
}

/// The streams of a type of telemetry, each with its routing key.
pub(crate) fn telemetry_streams(
    telemetry: TelemetryType,
) -> impl Iterator<Item = (String, String)> {
    let stream = move |n| (telemetry_stream(telemetry, n), telemetry.routing_key(n));
    (0..telemetry.partition_count()).map(stream)
}

/// The name of a service's dead-letter queue.
#[must_use]
pub fn dead_queue(service: &str) -> String {
    format!("{service}.dead")
}

/// The name of the queue with the dead letters of a foreign producer's messages.
#[must_use]
pub fn returned_queue(producer: &str) -> String {
    format!("{producer}.returned")
}
