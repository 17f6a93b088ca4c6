//! How a broker's exchanges, queues, bindings and policies differ from what the system declares.
//!
//! Both sides are JSON as RabbitMQ writes it: a definitions document
//! ([`definitions()`](crate::topology::definitions())), and the lists of the management API for one
//! virtual host.

use std::fmt;

use serde_json::Value;

use crate::topology::difference_words::{other, table};
use crate::topology::effective_policy::{self, InForce};

/// The objects of one virtual host, as the broker's management API lists them.
#[derive(Debug, Clone, Default)]
pub struct BrokerObjects {
    /// `GET /api/exchanges/{vhost}`
    pub exchanges: Vec<Value>,
    /// `GET /api/queues/{vhost}`
    pub queues: Vec<Value>,
    /// `GET /api/bindings/{vhost}`
    pub bindings: Vec<Value>,
    /// `GET /api/policies/{vhost}`
    pub policies: Vec<Value>,
}

/// A kind of object, named after its section in a definitions document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// `exchanges`
    Exchange,
    /// `queues`
    Queue,
    /// `bindings`
    Binding,
    /// `policies`
    Policy,
}

impl ObjectKind {
    pub(crate) const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Exchange => &["type", "durable", "auto_delete", "internal", "arguments"],
            Self::Queue => &["durable", "auto_delete", "arguments"],
            Self::Binding => &[],
            Self::Policy => &["pattern", "apply-to", "priority", "definition"],
        }
    }

    const fn section(self) -> &'static str {
        match self {
            Self::Exchange => "exchanges",
            Self::Queue => "queues",
            Self::Binding => "bindings",
            Self::Policy => "policies",
        }
    }
}

/// A difference between the declarations and the broker.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// It is declared, and the broker does not have it.
    Missing {
        /// The kind of object.
        kind: ObjectKind,
        /// The object in the definitions document.
        wanted: Value,
    },
    /// The broker has it, but with other properties than declared.
    Other {
        /// The kind of object.
        kind: ObjectKind,
        /// The object in the definitions document.
        wanted: Value,
        /// The differences, one sentence per field.
        words: Vec<String>,
        /// Whether it is a policy that is declared to keep less, and nothing longer. A process of
        /// the release before is not ready once the broker keeps less than it declares. If the
        /// policy also keeps something longer, that is a difference of its own, and comes before.
        keeps_less: bool,
    },
    /// Policies that are not declared are in force on a queue, and decide what becomes of its messages.
    Policed {
        /// The queue in the definitions document.
        wanted: Value,
        /// The differences, one sentence per property, and the names of these policies.
        words: Vec<String>,
        /// The commands that remove these policies.
        remedies: Vec<String>,
    },
    /// A binding between objects of the system that is not declared, left by a removed handler.
    Unwanted {
        /// The object as the broker lists it.
        found: Value,
    },
    /// A binding from an exchange of the system to an object outside of it. Others may listen.
    Strange {
        /// The object as the broker lists it.
        found: Value,
    },
}

impl Difference {
    /// Whether the difference is wrong, and not only worth knowing.
    #[must_use]
    pub const fn is_drift(&self) -> bool {
        !matches!(self, Self::Strange { .. })
    }

    /// The object that differs, for instance "queue `orders`".
    #[must_use]
    pub fn object(&self) -> String {
        match self {
            Self::Missing { kind, wanted } | Self::Other { kind, wanted, .. } => {
                NamedObject(*kind, wanted).to_string()
            }
            Self::Policed { wanted, .. } => NamedObject(ObjectKind::Queue, wanted).to_string(),
            Self::Unwanted { found } | Self::Strange { found } => {
                NamedObject(ObjectKind::Binding, found).to_string()
            }
        }
    }

    /// Whether it can be repaired without losing a message or a queue.
    #[must_use]
    pub const fn can_be_applied(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Unwanted { .. } => true,
            Self::Other { kind, .. } => matches!(kind, ObjectKind::Policy),
            Self::Policed { .. } | Self::Strange { .. } => false,
        }
    }
}

/// All differences, in the order in which they can be repaired.
#[must_use]
pub fn compare(definitions: &Value, found: &BrokerObjects) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (kind, found) in [
        (ObjectKind::Exchange, &found.exchanges),
        (ObjectKind::Queue, &found.queues),
        (ObjectKind::Policy, &found.policies),
    ] {
        for wanted in section(definitions, kind) {
            let Some(there) = found.iter().find(|found| found["name"] == wanted["name"]) else {
                differences.push(Difference::Missing { kind, wanted: wanted.clone() });
                continue;
            };
            let is_policy = kind == ObjectKind::Policy;
            let first =
                if is_policy { effective_policy::widened(wanted, there) } else { wanted.clone() };
            for (wanted, found, keeps_less) in [(&first, there, false), (wanted, &first, true)] {
                let words = other(kind.fields(), wanted, found);
                if !words.is_empty() {
                    let wanted = wanted.clone();
                    differences.push(Difference::Other { kind, wanted, words, keeps_less });
                }
            }
        }
    }
    differences.extend(policed(definitions, &found.queues));
    differences.extend(bindings(definitions, &found.bindings));
    differences
}

/// Queues under policies that are not declared. A declared policy that differs is listed by itself.
fn policed(definitions: &Value, found: &[Value]) -> Vec<Difference> {
    let mut differences = Vec::new();
    for wanted in section(definitions, ObjectKind::Queue) {
        let Some(found) = found.iter().find(|found| found["name"] == wanted["name"]) else {
            continue;
        };
        let is_declared = |policy: &Value| {
            section(definitions, ObjectKind::Policy).any(|one| one["name"] == *policy)
        };
        let policies = section(definitions, ObjectKind::Policy);
        let InForce { words, remedies, .. } = effective_policy::compare(policies, wanted, found);
        let only_declared = is_declared(&found["policy"]) && found["operator_policy"].is_null();
        if !words.is_empty() && !only_declared {
            differences.push(Difference::Policed { wanted: wanted.clone(), words, remedies });
        }
    }
    differences
}

fn bindings(definitions: &Value, found: &[Value]) -> Vec<Difference> {
    let kind = ObjectKind::Binding;
    let wanted = || section(definitions, kind);
    let mut differences: Vec<Difference> = wanted()
        .filter(|wanted| !found.iter().any(|found| is_same_binding(wanted, found)))
        .map(|wanted| Difference::Missing { kind, wanted: wanted.clone() })
        .collect();
    let is_ours =
        |kind: ObjectKind, name: &Value| section(definitions, kind).any(|o| o["name"] == *name);
    for found in found.iter().filter(|found| is_ours(ObjectKind::Exchange, &found["source"])) {
        if wanted().any(|wanted| is_same_binding(wanted, found)) {
            continue;
        }
        let to = match found["destination_type"].as_str() {
            Some("exchange") => ObjectKind::Exchange,
            _ => ObjectKind::Queue,
        };
        let found = found.clone();
        differences.push(if is_ours(to, &found["destination"]) {
            Difference::Unwanted { found }
        } else {
            Difference::Strange { found }
        });
    }
    differences
}

fn section(definitions: &Value, kind: ObjectKind) -> impl Iterator<Item = &Value> {
    definitions[kind.section()].as_array().into_iter().flatten()
}

fn is_same_binding(one: &Value, other: &Value) -> bool {
    let is_same = |field: &str| one[field] == other[field];
    ["source", "destination", "destination_type", "routing_key"].into_iter().all(is_same)
        && table(&one["arguments"]) == table(&other["arguments"])
}

/// An object and its kind, written as "queue `orders`".
struct NamedObject<'a>(ObjectKind, &'a Value);

impl fmt::Display for NamedObject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(kind, object) = self;
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let word = match kind {
            ObjectKind::Exchange => "exchange",
            ObjectKind::Queue => "queue",
            ObjectKind::Policy => "policy",
            ObjectKind::Binding => {
                let (from, to) = (text("source"), text("destination"));
                let (kind, key) = (text("destination_type"), text("routing_key"));
                return write!(f, "the binding of {kind} `{to}` to `{from}` with key `{key}`");
            }
        };
        write!(f, "{word} `{}`", text("name"))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = self.object();
        match self {
            Self::Missing { .. } => write!(f, "{object} is missing"),
            Self::Other { words, .. } | Self::Policed { words, .. } => {
                write!(f, "{object}: {}", words.join("; "))
            }
            Self::Unwanted { .. } => write!(f, "{object} is no longer declared"),
            Self::Strange { .. } => write!(f, "{object} is not ours and stays"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::events::event::EventType;
    use crate::parts::part::{Part, System};
    use crate::topology::definitions::definitions;

    fn declared() -> Value {
        let publishes = vec![EventType::plain("clock.ticked.v1")];
        let clock = Part { service: "clock", publishes, ..Part::default() };
        definitions(&System { name: "clocks", parts: vec![clock] }, |_| String::new())
    }

    /// A broker that has everything declared, besides its own objects.
    fn whole() -> BrokerObjects {
        let of = |kind| section(&declared(), kind).cloned().collect::<Vec<_>>();
        let mut found = BrokerObjects {
            exchanges: of(ObjectKind::Exchange),
            queues: of(ObjectKind::Queue),
            bindings: of(ObjectKind::Binding),
            policies: of(ObjectKind::Policy),
        };
        found.exchanges.push(json!({"name": "amq.topic", "type": "topic"}));
        found.bindings.push(json!({"source": "", "destination": "clock",
            "destination_type": "queue", "routing_key": "clock", "arguments": {}}));
        found.bindings[0]["arguments"] = json!([]);
        found
    }

    fn sentences(found: &BrokerObjects) -> Vec<String> {
        compare(&declared(), found).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_broker_that_has_all_differs_in_nothing() {
        assert_eq!(sentences(&whole()), [""; 0]);
    }

    #[test]
    fn each_difference_is_a_sentence() {
        let mut found = whole();
        found.exchanges.retain(|exchange| exchange["name"] != "unrouted");
        for queue in &mut found.queues {
            if queue["name"] == "clock" {
                queue["arguments"]["x-queue-type"] = json!("classic");
                queue["arguments"]["x-max-length"] = json!(5);
            }
        }
        found.policies[0]["definition"]["max-age"] = json!("1D");
        found.bindings.retain(|binding| binding["source"] != "retry.5s");
        assert_eq!(
            sentences(&found),
            [
                "exchange `unrouted` is missing",
                "queue `clock`: x-queue-type is \"classic\", but should be \"quorum\"; \
                 x-max-length is 5, but should be none",
                "policy `all-events-of-7-days-not-a-backlog`: max-age is \"1D\", but should be \"7D\"",
                "the binding of queue `retry.5s` to `retry.5s` with key `#` is missing",
            ]
        );
    }

    #[test]
    fn a_binding_is_ours_if_both_its_ends_are() {
        let mut found = whole();
        let binding = |queue: &str| {
            json!({"source": "route", "destination": queue, "destination_type": "queue",
                "routing_key": "clock.struck.v1", "arguments": {}})
        };
        found.bindings.extend([binding("clock"), binding("somebody")]);
        let differences = compare(&declared(), &found);
        assert_eq!(
            differences,
            [
                Difference::Unwanted { found: binding("clock") },
                Difference::Strange { found: binding("somebody") },
            ]
        );
        assert!(differences[0].can_be_applied() && !differences[1].is_drift());
    }
}
