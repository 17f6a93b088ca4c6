//! The broker's objects against the declarations, as `ballet topology check` compares them.

use ballet_core::topology::drift::{BrokerObjects, Difference, ObjectKind};
use ballet_core::{Cause, System, topology};

use serde_json::Value;

use crate::audit;
use crate::doctor::abandoned_queues::abandoned_queues;
use crate::management::differences;
use crate::standing::finding::{BROKER, Finding, Hinders};

pub(super) fn judge(system: &System, vhost: &str, found: &BrokerObjects) -> Vec<Finding> {
    let differences = differences(system, vhost, found);
    let is_told = |difference: &&Difference| {
        difference.is_drift() && !differences.iter().any(|cause| follows(difference, cause))
    };
    let mut findings: Vec<Finding> = differences.iter().filter(is_told).map(finding).collect();
    if findings.is_empty() {
        findings.push(Finding::well(Cause::Topology, BROKER, "it is as declared"));
    }
    findings.extend(abandoned_queues(&differences, found));
    for (queue, count) in audit::held_in(&found.queues) {
        let words = audit::held_words(&queue, count);
        let advice = "see with `ballet topology check` whether they stay";
        findings.push(Finding::warning(Cause::Held, BROKER, &words, advice));
    }
    findings
}

/// Whether a binding is missing because its queue or exchange is.
fn follows(binding: &Difference, cause: &Difference) -> bool {
    let Difference::Missing { kind: ObjectKind::Binding, wanted: binding } = binding else {
        return false;
    };
    let Difference::Missing { kind: ObjectKind::Exchange | ObjectKind::Queue, wanted } = cause
    else {
        return false;
    };
    ["source", "destination"].into_iter().any(|end| binding[end] == wanted["name"])
}

fn finding(difference: &Difference) -> Finding {
    let advice = match difference {
        Difference::Policed { remedies, .. } if !remedies.is_empty() => {
            format!("as an administrator: {}", remedies.join(", "))
        }
        Difference::Other { kind: ObjectKind::Exchange | ObjectKind::Queue, .. } => {
            "it cannot be changed: `ballet topology check` says how to make it anew".to_owned()
        }
        Difference::Unwanted { .. } | Difference::Other { keeps_less: true, .. } => {
            "once no process of the release before runs, mend it with `ballet topology apply --prune`"
                .to_owned()
        }
        Difference::Missing { .. } => {
            "`ballet topology repair` creates it, and sends what services have missed".to_owned()
        }
        _ => "mend it with `ballet topology apply`".to_owned(),
    };
    let text = |object: &Value, field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let (cause, hinders) = match difference {
        Difference::Missing { kind: ObjectKind::Binding, wanted }
            if wanted["destination"] == topology::ROUTE =>
        {
            (Cause::Binding, Hinders::All)
        }
        Difference::Missing { kind: ObjectKind::Binding, wanted } => {
            let hinders = Hinders::Event(text(wanted, "destination"), text(wanted, "routing_key"));
            (Cause::Binding, hinders)
        }
        // Queues with other names are harmless.
        Difference::Missing { kind: ObjectKind::Queue, wanted }
        | Difference::Other { kind: ObjectKind::Queue, wanted, .. } => {
            (Cause::Queue, Hinders::Service(text(wanted, "name")))
        }
        Difference::Policed { wanted, .. } => {
            (Cause::Policy, Hinders::Service(text(wanted, "name")))
        }
        Difference::Missing { kind: ObjectKind::Exchange, wanted }
            if [topology::EVENTS, topology::ROUTE].iter().any(|one| wanted["name"] == *one) =>
        {
            (Cause::Topology, Hinders::All)
        }
        _ => (Cause::Topology, Hinders::Nothing),
    };
    Finding::bad(cause, BROKER, &difference.to_string(), &advice).hinders(hinders)
}

#[cfg(test)]
mod tests {
    use ballet_core::Part;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_gone_is_named_without_its_bindings() {
        let system =
            System { name: "shop", parts: vec![Part { service: "orders", ..Part::default() }] };
        let found = judge(&system, "shop", &BrokerObjects::default());
        let is_named = |name: &str| found.iter().any(|one| one.found.contains(name));
        assert!(is_named("queue `orders` is missing") && is_named("exchange `events` is missing"));
        assert!(!is_named("the binding of"), "{found:?}");
    }

    #[test]
    fn a_queue_that_gets_messages_and_that_nobody_declares_or_reads_is_named_with_what_deletes_it()
    {
        let system =
            System { name: "shop", parts: vec![Part { service: "orders", ..Part::default() }] };
        let named = |consumers: u64, source: &str| -> Vec<String> {
            let queue = |name: &str, consumers: u64| json!({ "name": name, "vhost": "shop", "messages": 3, "consumers": consumers });
            let binding = |source: &str, to: &str| {
                json!({ "source": source, "destination": to, "destination_type": "queue",
                    "routing_key": "loyalty", "arguments": {} })
            };
            let found = BrokerObjects {
                queues: vec![queue("loyalty", consumers), queue("loyalty.dead", 0)],
                bindings: vec![binding(source, "loyalty"), binding("dead", "loyalty.dead")],
                ..BrokerObjects::default()
            };
            let found = judge(&system, "shop", &found);
            let abandoned = found.into_iter().filter(|one| one.cause == Cause::Abandoned);
            abandoned.map(|one| format!("{}. {}", one.found, one.advice)).collect()
        };
        let found = named(0, "route");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("queue `loyalty` is declared by nobody"), "{found:?}");
        assert!(found[1].contains("3 messages") && found[1].contains("-p shop loyalty.dead"));
        assert!(named(1, "route").is_empty(), "a process of it runs");
        // A listener to all events may be absent.
        assert_eq!(named(0, "events").len(), 1);
    }
}
