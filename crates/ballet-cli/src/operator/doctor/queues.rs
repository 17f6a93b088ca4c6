//! The queues: their readers, and how far behind these are.

use ballet::core::System;
use ballet::core::topology::{Standstill, UNROUTED, dead_queue, standstill};
use serde_json::Value;

use crate::base::ui::acting;
use crate::operator::doctor::finding::{Finding, number};

/// More waiting messages than this are a backlog.
const BACKLOG: u64 = 10_000;

pub(super) fn judge(system: &System, queues: &[Value]) -> Vec<Finding> {
    let named = |name: &str| queues.iter().find(|queue| queue["name"] == name);
    let mut findings = standing(queues);
    for part in &system.parts {
        let service = part.service;
        // The check of the topology reports a missing queue.
        findings.extend(named(service).map(|queue| lag(service, queue)));
        let dead = dead_queue(service);
        match named(&dead).map(|queue| number(&queue["messages"])) {
            None | Some(0) => {}
            Some(count) => findings.push(Finding::warning(
                "dead letters",
                service,
                &format!("{} in {dead}", acting(count, "dead letter", "wait")),
                "look at them with `ballet dlq groups`, and redrive or discard them",
            )),
        }
    }
    match named(UNROUTED).map(|queue| number(&queue["messages"])) {
        None | Some(0) => {}
        Some(count) => findings.push(Finding::warning(
            "unrouted",
            "the broker",
            &format!(
                "{} in {UNROUTED}: no binding led them to a service, because one was \
                 missing, or because no service declares their type",
                acting(count, "message", "wait")
            ),
            "see who consumes them with `ballet dlq redrive --from-unrouted --dry-run`; without \
             --dry-run it sends them",
        )),
    }
    findings
}

/// The queues that stand still, whose numbers would read as zero.
fn standing(queues: &[Value]) -> Vec<Finding> {
    let finding = |queue: &Value| {
        let name = queue["name"].as_str().unwrap_or_default();
        let (found, advice) = match standstill(queue, queues)? {
            Standstill::Down => (
                format!("{name} stands still: it has no leader, so it takes and gives no message"),
                "start the broker's nodes that are away; if none is, restart the node that holds the queue, \
                 which brings it back with its messages",
            ),
            Standstill::Silent => (
                format!("the broker knows no state of {name}: its process may have crashed"),
                "look again in ten seconds; if it stays so, restart the broker's node, which brings the queue \
                 back with its messages",
            ),
        };
        Some(Finding::bad("queue", "the broker", &found, advice))
    };
    queues.iter().filter_map(finding).collect()
}

fn lag(service: &str, queue: &Value) -> Finding {
    let (ready, readers) = (number(&queue["messages_ready"]), number(&queue["consumers"]));
    let waiting = acting(ready, "message", "wait");
    if readers == 0 {
        let found = format!("no process reads its queue; {waiting}");
        return Finding::bad("lag", service, &found, "start it, and look at its log if it ended");
    }
    let found = match readers {
        1 => format!("{waiting} for 1 process"),
        readers => format!("{waiting} for {readers} processes"),
    };
    if ready > BACKLOG {
        let advice = "see its log and metrics for what is slow, or start more replicas";
        return Finding::bad("lag", service, &found, advice);
    }
    Finding::well("lag", service, &found)
}

#[cfg(test)]
mod tests {
    use ballet::core::Part;
    use serde_json::json;

    use super::*;
    use crate::operator::doctor::finding::{FindingState, system_of};

    fn found(
        ready: u64,
        consumers: u64,
        dead: u64,
        unrouted: u64,
    ) -> Vec<(&'static str, FindingState)> {
        let system = system_of(vec![Part { service: "orders", ..Part::default() }]);
        let queues = [
            json!({ "name": "orders", "messages_ready": ready, "consumers": consumers }),
            json!({ "name": "orders.dead", "messages": dead }),
            json!({ "name": "unrouted", "messages": unrouted }),
        ];
        judge(&system, &queues).iter().map(|finding| (finding.check, finding.state)).collect()
    }

    #[test]
    fn a_queue_without_readers_or_with_a_backlog_is_named() {
        assert_eq!(found(3, 1, 0, 0), [("lag", FindingState::Well)]);
        assert_eq!(found(10_000, 1, 0, 0), [("lag", FindingState::Well)]);
        assert_eq!(found(10_001, 1, 0, 0), [("lag", FindingState::Bad)]);
        assert_eq!(found(0, 0, 0, 0), [("lag", FindingState::Bad)]);
        let aside = [
            ("lag", FindingState::Well),
            ("dead letters", FindingState::Warning),
            ("unrouted", FindingState::Warning),
        ];
        assert_eq!(found(0, 2, 1, 1), aside);
    }
}
