//! The queues' readers and backlogs.

use ballet_core::topology::{UNROUTED, dead_queue, stands_still};
use ballet_core::{Cause, System};
use serde_json::Value;

use crate::standing::finding::{BROKER, Finding, Hinders};
use crate::words::acting;

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
        match named(&dead).map(|queue| count(&queue["messages"])) {
            None | Some(0) => {}
            Some(messages) => findings.push(Finding::bad(
                Cause::DeadLetters,
                service,
                &format!("{} in {dead}", acting(messages, "dead letter", "wait")),
                "look at them with `ballet dlq groups`, and redrive or discard them",
            )),
        }
    }
    match named(UNROUTED).map(|queue| count(&queue["messages"])) {
        None | Some(0) => {}
        Some(messages) => findings.push(Finding::bad(
            Cause::Unrouted,
            BROKER,
            &format!(
                "{} in {UNROUTED}: no binding led them to a service, because one was \
                 missing, or because no service declares their type",
                acting(messages, "message", "wait")
            ),
            "see who consumes them with `ballet topology repair --dry-run`; without --dry-run it sends them",
        )),
    }
    findings
}

/// The numbers of queues that stand still would read as zero.
fn standing(queues: &[Value]) -> Vec<Finding> {
    let still = queues.iter().filter(|queue| stands_still(queue));
    let finding = |queue: &Value| {
        let name = queue["name"].as_str().unwrap_or_default();
        let found =
            format!("{name} stands still: it has no leader, so it takes and gives no message");
        let advice = "start the broker's nodes that are away; if none is, restart the node that holds the queue, \
                      which brings it back with its messages";
        Finding::bad(Cause::Queue, BROKER, &found, advice)
            .hinders(Hinders::Service(name.to_owned()))
    };
    still.map(finding).collect()
}

pub(super) fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn lag(service: &str, queue: &Value) -> Finding {
    let (ready, readers) = (count(&queue["messages_ready"]), count(&queue["consumers"]));
    let waiting = acting(ready, "message", "wait");
    if readers == 0 {
        let found = format!("no process reads its queue; {waiting}");
        return Finding::bad(
            Cause::Lag,
            service,
            &found,
            "start it, and look at its log if it ended",
        );
    }
    let found = match readers {
        1 => format!("{waiting} for 1 process"),
        readers => format!("{waiting} for {readers} processes"),
    };
    if ready > BACKLOG {
        let advice = "see its log and metrics for what is slow, or start more replicas";
        return Finding::bad(Cause::Lag, service, &found, advice);
    }
    Finding::well(Cause::Lag, service, &found)
}

#[cfg(test)]
mod tests {
    use ballet_core::Part;
    use serde_json::json;

    use super::*;
    use crate::standing::finding::FindingState;

    fn found(ready: u64, consumers: u64, dead: u64, unrouted: u64) -> Vec<(Cause, FindingState)> {
        let system =
            System { name: "shop", parts: vec![Part { service: "orders", ..Part::default() }] };
        let queues = [
            json!({ "name": "orders", "messages_ready": ready, "consumers": consumers }),
            json!({ "name": "orders.dead", "messages": dead }),
            json!({ "name": "unrouted", "messages": unrouted }),
        ];
        judge(&system, &queues).iter().map(|finding| (finding.cause, finding.state)).collect()
    }

    #[test]
    fn a_queue_without_readers_or_with_a_backlog_is_named() {
        assert_eq!(found(3, 1, 0, 0), [(Cause::Lag, FindingState::Well)]);
        assert_eq!(found(10_000, 1, 0, 0), [(Cause::Lag, FindingState::Well)]);
        assert_eq!(found(10_001, 1, 0, 0), [(Cause::Lag, FindingState::Bad)]);
        assert_eq!(found(0, 0, 0, 0), [(Cause::Lag, FindingState::Bad)]);
        let aside = [
            (Cause::Lag, FindingState::Well),
            (Cause::DeadLetters, FindingState::Bad),
            (Cause::Unrouted, FindingState::Bad),
        ];
        assert_eq!(found(0, 2, 1, 1), aside);
    }
}
