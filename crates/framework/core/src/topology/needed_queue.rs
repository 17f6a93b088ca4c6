//! The queues that a service depends on, and how the broker's differ from them.

use serde_json::Value;

use crate::parts::part::Part;
use crate::topology::definitions::{policies, service_queues, shared_queues};
use crate::topology::difference_words::other;
use crate::topology::drift::ObjectKind;
use crate::topology::effective_policy;
use crate::topology::names::{JOURNAL, RETRIES};
use crate::topology::standstill::{Standstill, standstill};
use crate::topology::telemetry;

/// A queue that a service depends on, as it is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct NeededQueue {
    wanted: Value,
    policies: Vec<Value>,
}

/// How a queue of the broker differs from its declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDifference {
    /// The difference, for instance "queue `orders`: message-ttl is 500, but should be none".
    pub words: String,
    /// Whether a policy in force may lose messages of the service.
    pub loses: bool,
    /// Whether the queue takes and gives no message, though it is declared.
    pub standstill: Option<Standstill>,
}

/// The queues of a service, those of its retries, and the journal.
#[must_use]
pub fn queues_needed_by(part: &Part) -> Vec<NeededQueue> {
    let is_needed = |queue: &Value| {
        queue["name"] == JOURNAL || RETRIES.iter().any(|(retry, _)| queue["name"] == *retry)
    };
    let shared = shared_queues("").into_iter().filter(is_needed);
    let types = part.uses_telemetry();
    let streams = telemetry::streams("", &types);
    let queues = service_queues("", part.service).into_iter().chain(shared).chain(streams);
    let mut policies = policies("");
    policies.extend(telemetry::policies("", &types));
    queues.map(|wanted| NeededQueue { wanted, policies: policies.clone() }).collect()
}

impl NeededQueue {
    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.wanted["name"].as_str().unwrap_or_default()
    }

    /// How the queue differs from its declaration, if it does, in a list of queues as the management API
    /// writes it.
    #[must_use]
    pub fn compare(&self, listed: &[Value]) -> Option<QueueDifference> {
        let name = self.name();
        let Some(found) = listed.iter().find(|queue| queue["name"] == name) else {
            return Some(QueueDifference {
                words: format!("queue `{name}` is missing"),
                loses: false,
                standstill: None,
            });
        };
        let standstill = standstill(found, listed);
        let mut words = other(ObjectKind::Queue.fields(), &self.wanted, found);
        let in_force = effective_policy::compare(self.policies.iter(), &self.wanted, found);
        // Tools miss messages that the journal loses; services do not.
        let loses = in_force.loses && name != JOURNAL;
        words.extend(in_force.words);
        words.extend(standstill.map(|_| "its process at the broker does not run".to_owned()));
        let differs = !words.is_empty();
        let words = format!("queue `{name}`: {}", words.join("; "));
        differs.then_some(QueueDifference { words, loses, standstill })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::topology::names::JOURNAL_POLICY;

    #[test]
    fn a_queue_that_is_missing_or_remade_or_loses_messages_is_named() {
        let needed = queues_needed_by(&Part { service: "orders", ..Part::default() });
        let names: Vec<&str> = needed.iter().map(NeededQueue::name).collect();
        assert_eq!(
            names,
            ["orders", "orders.dead", "journal", "retry.5s", "retry.30s", "retry.5m"]
        );
        let mut listed: Vec<Value> = needed.iter().map(|queue| queue.wanted.clone()).collect();
        listed[1]["policy"] = json!("dead");
        listed[2]["policy"] = json!(JOURNAL_POLICY);
        listed[2]["effective_policy_definition"] =
            json!({"max-length-bytes": 20_000_000_000_u64, "max-age": "7D"});
        let compared = |listed: &[Value]| -> Vec<QueueDifference> {
            needed.iter().filter_map(|queue| queue.compare(listed)).collect()
        };
        assert_eq!(compared(&listed), []);
        let dead = json!({"max-length": 100_000, "max-length-bytes": 1_000_000_000_u64,
            "overflow": "reject-publish"});
        listed[1]["effective_policy_definition"] = dead.clone();
        assert_eq!(compared(&listed), []);
        // The policy of the release before, which had none, keeps more, and nothing overflows. One that lets the
        // oldest go loses them.
        for (definition, loses) in [(json!({}), false), (json!({"max-length": 200_000}), true)] {
            listed[1]["effective_policy_definition"] = definition;
            assert_eq!(compared(&listed).iter().map(|one| one.loses).collect::<Vec<_>>(), [loses]);
        }
        listed[0]["arguments"]["x-queue-type"] = json!("classic");
        listed[1]["effective_policy_definition"] = dead;
        listed[1]["effective_policy_definition"]["message-ttl"] = json!(500);
        listed[2]["effective_policy_definition"]["max-age"] = json!("1h");
        listed.truncate(5);
        let found: Vec<(String, bool)> =
            compared(&listed).into_iter().map(|one| (one.words, one.loses)).collect();
        let named = |words: &str, loses| (words.to_owned(), loses);
        assert_eq!(
            found,
            [
                named(
                    "queue `orders`: x-queue-type is \"classic\", but should be \"quorum\"",
                    false
                ),
                named(
                    "queue `orders.dead`: message-ttl is 500, but should be none; in force: policy `dead`",
                    true
                ),
                named(
                    &format!(
                        "queue `journal`: max-age is \"1h\", but should be \"7D\"; in force: policy `{JOURNAL_POLICY}`"
                    ),
                    false
                ),
                named("queue `retry.5m` is missing", false),
            ]
        );
    }
}
