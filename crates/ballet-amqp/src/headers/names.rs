//! The names of headers: ours, which we write into messages and copies, and the broker's.

/// The message that caused this one.
pub const CAUSATION_ID: &str = "causation_id";
/// The W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// How often a message was tried, at once and after delays.
pub const ATTEMPTS: &str = "x-attempts";
/// How often a message has waited in a retry queue.
pub const RETRIES: &str = "x-retries";
/// Why a message waits in a retry queue.
pub const RETRY_DETAIL: &str = "x-retry-detail";
/// Where a message that waits was published first.
pub const RETRY_EXCHANGE: &str = "x-retry-exchange";
/// With which routing key.
pub const RETRY_ROUTING_KEY: &str = "x-retry-routing-key";

/// Begins the headers that say how a message died.
pub const DEAD_PREFIX: &str = "x-dead-";
/// Why a message is dead, as a code.
pub const DEAD_REASON: &str = "x-dead-reason";
/// Why a message is dead, in a sentence.
pub const DEAD_DETAIL: &str = "x-dead-detail";
/// When it became a dead letter.
pub const DEAD_AT: &str = "x-dead-at";
/// Which service could not handle it.
pub const DEAD_SERVICE: &str = "x-dead-service";
/// Which handler failed.
pub const DEAD_STEP: &str = "x-dead-step";
/// Where a dead letter was published first.
pub const DEAD_EXCHANGE: &str = "x-dead-exchange";
/// With which routing key.
pub const DEAD_ROUTING_KEY: &str = "x-dead-routing-key";
/// Which headers of the original a copy does not have, and why.
pub const DEAD_HEADERS: &str = "x-dead-headers";

/// The message id before a redrive gave the message another.
pub const ORIGINAL_MESSAGE_ID: &str = "x-original-message-id";
/// The `expiration` of the original.
pub const ORIGINAL_EXPIRATION: &str = "x-original-expiration";
/// The `user_id` of the original.
pub const ORIGINAL_USER_ID: &str = "x-original-user-id";

/// How often a dead letter was redriven.
pub const REDRIVES: &str = "x-redrives";
/// The run of a tool that redrove it last.
pub const REDRIVE_ID: &str = "x-redrive-id";
/// Begins the headers that say who redrove, when and why.
pub const REDRIVEN: &str = "x-redriven";
/// Begins the headers that say who edited a dead letter, when and why.
pub const EDITED: &str = "x-edited";
/// Begins the headers that say who discarded a dead letter, when and why.
pub const DISCARDED: &str = "x-discarded";

/// What the broker writes each time it takes a message out of a queue.
pub const DEATHS: &str = "x-death";
/// How often the broker has delivered a message before; absent on the first delivery.
pub const DELIVERY_COUNT: &str = "x-delivery-count";

/// What the names begin with that we write into copies and redriven messages. `x-redriv` covers
/// `x-redrives`, `x-redrive-id` and `x-redriven-*`; `x-retr` covers `x-retries` and `x-retry-*`.
const OURS: [&str; 7] =
    [ATTEMPTS, "x-retr", DEAD_PREFIX, "x-original-", "x-redriv", "x-edited-", "x-discarded-"];
/// What the names begin with that the broker writes.
const BROKERS: [&str; 4] = [DEATHS, DELIVERY_COUNT, "x-first-death-", "x-last-death-"];

/// Whether we write headers of this name into copies of messages.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    begins(name, &OURS)
}

/// Whether the broker writes headers of this name.
#[must_use]
pub fn is_brokers(name: &str) -> bool {
    begins(name, &BROKERS)
}

/// Whether the header says how a message died or waits. A copy is told anew.
#[must_use]
pub fn is_dead_letters(name: &str) -> bool {
    begins(name, &["x-retr", DEAD_PREFIX])
}

/// Whether the header counts attempts and redrives. A redriven message begins anew.
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
            ORIGINAL_USER_ID,
            "x-original-cc",
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
        for name in ["price", "CC", CAUSATION_ID, TRACEPARENT, "x-tenant", "x-edit", "x-deadline"] {
            assert!(!is_ours(name), "{name}");
            assert!(!is_brokers(name), "{name}");
        }
    }
}
