//! The names of headers: ours in messages and copies, and the broker's.

/// The id of the message that caused this one.
pub const CAUSATION_ID: &str = "causation_id";
/// The W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
/// The W3C `tracestate`, which other systems store beside the trace context.
pub const TRACESTATE: &str = "tracestate";
/// The baggage of a trace (W3C).
pub const BAGGAGE: &str = "baggage";

/// How many events a pack bears.
pub const MEMBERS: &str = "x-members";

/// The number of attempts to handle a message, immediate and delayed.
pub const ATTEMPTS: &str = "x-attempts";
/// The number of times a message has waited in a retry queue.
pub const RETRIES: &str = "x-retries";
/// How many of these times it waited because its handler had failed, and not for another event, a lock
/// or a server.
pub const RETRIES_FAILED: &str = "x-retries-failed";
/// Why a message waits in a retry queue.
pub const RETRY_DETAIL: &str = "x-retry-detail";
/// The exchange that a waiting message was first published to.
pub const RETRY_EXCHANGE: &str = "x-retry-exchange";
/// The routing key that a waiting message was first published with.
pub const RETRY_ROUTING_KEY: &str = "x-retry-routing-key";

/// Prefix of the headers that say how a message died.
pub const DEAD_PREFIX: &str = "x-dead-";
/// Why a message is dead, as a code.
pub const DEAD_REASON: &str = "x-dead-reason";
/// Why a message is dead, in a sentence.
pub const DEAD_DETAIL: &str = "x-dead-detail";
/// The time at which the message became a dead letter.
pub const DEAD_AT: &str = "x-dead-at";
/// The service that could not handle the message.
pub const DEAD_SERVICE: &str = "x-dead-service";
/// The handler that failed.
pub const DEAD_STEP: &str = "x-dead-step";
/// The exchange that a dead letter was first published to.
pub const DEAD_EXCHANGE: &str = "x-dead-exchange";
/// The routing key that a dead letter was first published with.
pub const DEAD_ROUTING_KEY: &str = "x-dead-routing-key";
/// The headers of the original that the copy does not have, and why.
pub const DEAD_HEADERS: &str = "x-dead-headers";

/// The message id before a redrive assigned a new one.
pub const ORIGINAL_MESSAGE_ID: &str = "x-original-message-id";
/// The names of the original's headers that a copy cannot carry.
pub const ORIGINAL_HEADERS: &str = "x-original-headers";
/// The `expiration` of the original.
pub const ORIGINAL_EXPIRATION: &str = "x-original-expiration";
/// The `user_id` of the original.
pub const ORIGINAL_USER_ID: &str = "x-original-user-id";

/// The parts of the original's properties that cannot be read, as JSON, added before the client
/// parses the message.
pub const ORIGINAL_BYTES: &str = "x-original-bytes";

/// The number of times a dead letter was redriven.
pub const REDRIVES: &str = "x-redrives";
/// The id of the tool run that redrove the message last.
pub const REDRIVE_ID: &str = "x-redrive-id";
/// Prefix of the headers that record who redrove a dead letter, when and why.
pub const REDRIVEN: &str = "x-redriven";
/// Prefix of the headers that record who edited a dead letter, when and why.
pub const EDITED: &str = "x-edited";
/// Prefix of the headers that record who searched the journal for what a service missed.
pub const SEARCHED: &str = "x-searched";
/// Prefix of the headers that record who discarded a dead letter, when and why.
pub const DISCARDED: &str = "x-discarded";
/// Prefix of the headers that record who had a message tried again now, when and why.
pub const RETRIED: &str = "x-retried";

/// The broker's record of each time it dead-lettered the message.
pub const DEATHS: &str = "x-death";
/// The place of a message in its stream, written by the broker. As an argument of a consumer, the
/// place to begin at.
pub const STREAM_OFFSET: &str = "x-stream-offset";
/// The number of earlier deliveries of a message, written by the broker. Absent on the first
/// delivery.
pub const DELIVERY_COUNT: &str = "x-delivery-count";
/// The number of earlier deliveries, with those that were given back, as RabbitMQ 4 writes it.
pub const ACQUIRED_COUNT: &str = "x-acquired-count";
/// Prefix of the names under which a stream stores properties. A foreign header of such a name
/// makes it unreadable.
pub(crate) const STREAM_PROPERTIES: &str = "x-basic-";
/// The text that a stream filters by. From RabbitMQ 4 on a stream refuses any other type.
pub(crate) const STREAM_FILTER: &str = "x-stream-filter-value";

/// Prefixes of the names that we write into copies and redriven messages. `x-redriv` covers
/// `x-redrives`, `x-redrive-id` and `x-redriven-*`; `x-retr` covers `x-retries` and `x-retry-*`.
const OURS: [&str; 7] =
    [ATTEMPTS, "x-retr", DEAD_PREFIX, "x-original-", "x-redriv", "x-edited-", "x-discarded-"];
/// Prefixes of the names that the broker writes or acts on. From RabbitMQ 3.10 to 4.3 it derives the
/// cause of a death or the properties of a stream's message from them, and fails on values that it
/// does not expect.
const BROKERS: [&str; 7] = [
    DEATHS,
    "x-first-death-",
    "x-last-death-",
    DELIVERY_COUNT,
    "x-stream-",
    STREAM_PROPERTIES,
    "x-opt-",
];
/// More such names.
const BROKERS_EXACTLY: [&str; 5] =
    [ACQUIRED_COUNT, "x-exchange", "x-routing-key", "x-cc", "x-delay"];
/// The broker writes these when it delivers a message.
const AT_DELIVERY: [&str; 3] = [DELIVERY_COUNT, ACQUIRED_COUNT, STREAM_OFFSET];

/// Returns true if we write headers of this name into copies of messages.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    begins(name, &OURS)
}

#[must_use]
pub(crate) fn is_brokers(name: &str) -> bool {
    begins(name, &BROKERS) || BROKERS_EXACTLY.contains(&name)
}

#[must_use]
pub(crate) fn is_written_at_delivery(name: &str) -> bool {
    begins(name, &AT_DELIVERY)
}

/// Returns true if the header records why a message is dead or waits. Each copy gets new ones.
#[must_use]
pub(crate) fn is_dead_letters(name: &str) -> bool {
    begins(name, &["x-retr", DEAD_PREFIX])
}

/// Returns true if the header counts attempts or redrives. A redriven message starts over.
#[must_use]
pub fn is_about_redrives(name: &str) -> bool {
    begins(name, &[ATTEMPTS, "x-redriv"])
}

fn begins(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_that_we_write_is_ours() {
        for name in [
            ATTEMPTS,
            RETRIES,
            RETRIES_FAILED,
            RETRY_DETAIL,
            RETRY_EXCHANGE,
            RETRY_ROUTING_KEY,
            DEAD_REASON,
            DEAD_DETAIL,
            DEAD_AT,
            DEAD_SERVICE,
            DEAD_STEP,
            DEAD_EXCHANGE,
            DEAD_ROUTING_KEY,
            DEAD_HEADERS,
            ORIGINAL_MESSAGE_ID,
            ORIGINAL_EXPIRATION,
            ORIGINAL_HEADERS,
            ORIGINAL_USER_ID,
            "x-original-cc",
            ORIGINAL_BYTES,
            REDRIVES,
            REDRIVE_ID,
            "x-redriven-by",
            "x-edited-why",
            "x-discarded-at",
        ] {
            assert!(is_ours(name), "{name}");
            assert!(!is_brokers(name), "{name}");
        }
    }

    #[test]
    fn a_producers_headers_are_its_own() {
        for name in
            ["price", "CC", CAUSATION_ID, TRACEPARENT, "x-tenant", "x-edit", "x-exchange-rate"]
        {
            assert!(!is_ours(name), "{name}");
            assert!(!is_brokers(name), "{name}");
        }
    }
}
