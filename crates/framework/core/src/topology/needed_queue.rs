//! The queues that a service depends on, and how the broker's differ from them.

use serde_json::Value;

use crate::parts::part::Part;
use crate::topology::definitions::{policies, service_queues, shared_queues};
use crate::topology::difference_words::other;
use crate::topology::drift::ObjectKind;
use crate::topology::effective_policy;
use crate::topology::names::{JOURNAL, RETRIES};
use crate::topology::standstill::stands_still;
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
    pub stands_still: bool,
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
                stands_still: false,
            });
        };
        let stands_still = stands_still(found);
        let mut words = other(ObjectKind::Queue.fields(), &self.wanted, found);
        let in_force = effective_policy::compare(self.policies.iter(), &self.wanted, found);
        // Tools miss messages that the journal loses; services do not.
        let loses = in_force.loses && name != JOURNAL;
        words.extend(in_force.words);
        if stands_still {
            words.push("its process at the broker does not run".to_owned());
        }
        let differs = !words.is_empty();
        let words = format!("queue `{name}`: {}", words.join("; "));
        differs.then_some(QueueDifference { words, loses, stands_still })
    }
}
