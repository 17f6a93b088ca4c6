//! Queues of a removed service, which nobody declares or reads. They grow until the broker's disk is full.

use std::collections::BTreeSet;

use ballet_core::Cause;
use ballet_core::topology::drift::{BrokerObjects, Difference};
use ballet_core::topology::{DEAD, ROUTE, dead_queue};
use serde_json::Value;

use crate::standing::finding::{BROKER, Finding};
use crate::words::{counted, shell_word};

/// Finds the abandoned queues among the differences.
pub fn abandoned_queues(differences: &[Difference], found: &BrokerObjects) -> Vec<Finding> {
    let bound = differences.iter().filter_map(|difference| match difference {
        Difference::Strange { found }
            if (found["source"] == ROUTE || found["source"] == DEAD)
                && found["destination_type"] == "queue" =>
        {
            found["destination"].as_str()
        }
        _ => None,
    });
    let bound: BTreeSet<&str> = bound.collect();
    let queues = found.queues.iter().filter(|queue| {
        let name = queue["name"].as_str().unwrap_or_default();
        bound.contains(name) && !is_read(name, &found.queues)
    });
    queues.map(finding).collect()
}

/// Dead letters wait for a person, so the reader of their service counts. A broker that has just started reports no
/// readers yet.
fn is_read(name: &str, queues: &[Value]) -> bool {
    queues.iter().any(|queue| {
        let other = queue["name"].as_str().unwrap_or_default();
        (other == name || dead_queue(other) == name) && queue["consumers"].as_u64() != Some(0)
    })
}

fn finding(queue: &Value) -> Finding {
    let text = |field: &str| queue[field].as_str().unwrap_or_default();
    let (name, vhost) = (text("name"), text("vhost"));
    let messages = counted(queue["messages"].as_u64().unwrap_or_default(), "message");
    let found = format!(
        "queue `{name}` is declared by nobody and read by nobody, has {messages}, and gets more"
    );
    let advice = format!(
        "if its service was taken away, delete it with its messages: `rabbitmqctl delete_queue -p {} {}`",
        shell_word(vhost),
        shell_word(name)
    );
    Finding::bad(Cause::Abandoned, BROKER, &found, &advice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_queue_whose_readers_are_not_known_yet_is_not_abandoned() {
        let is_named = |name: &str, consumers: Value| {
            let binding = json!({ "source": ROUTE, "destination": name,
                "destination_type": "queue", "routing_key": name, "arguments": {} });
            let queue = json!({ "name": name, "vhost": "shop", "consumers": consumers });
            let found = BrokerObjects { queues: vec![queue], ..BrokerObjects::default() };
            !abandoned_queues(&[Difference::Strange { found: binding }], &found).is_empty()
        };
        assert!(is_named("loyalty", json!(0)));
        assert!(!is_named("loyalty", json!(1)) && !is_named("loyalty", Value::Null));
    }
}
