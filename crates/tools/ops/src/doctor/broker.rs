//! The broker: its connection, version and nodes.

use std::sync::Arc;

use ballet_amqp::{Broker, BrokerError};
use ballet_core::Cause;
use serde_json::Value;

use crate::doctor::queues::count;
use crate::standing::finding::{BROKER, Finding, Hinders};

/// The oldest version that ballet works with.
const OLDEST: (u32, u32) = (3, 10);

/// Connects, and also returns the virtual host.
pub(super) async fn connection(broker: &Arc<dyn Broker>) -> (Finding, Option<String>) {
    let error = match broker.connect("ballet doctor").await {
        Ok(session) => {
            let peer = session.peer();
            let (found, vhost) = (format!("connected to {peer}"), peer.vhost.clone());
            session.close().await;
            return (Finding::well(Cause::Broker, BROKER, &found), Some(vhost));
        }
        Err(error) => error,
    };
    let (hinders, found) = match &error {
        BrokerError::Unreachable { at, reason } => {
            (Hinders::All, format!("RabbitMQ at {at} cannot be reached: {reason}"))
        }
        _ => (Hinders::Nothing, error.to_string()),
    };
    let advice = "start it, or check AMQP_URL: host, port, user, password and virtual host";
    (Finding::bad(error.cause(), BROKER, &found, advice).hinders(hinders), None)
}

pub(super) fn version(overview: &Value) -> Finding {
    let version = overview["rabbitmq_version"].as_str().unwrap_or_default();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let found = format!("RabbitMQ {version}");
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => {
            let advice = "upgrade RabbitMQ: ballet needs 3.10 or later";
            Finding::bad(Cause::Version, BROKER, &found, advice)
        }
        (Some(_), Some(_)) => Finding::well(Cause::Version, BROKER, &found),
        _ => Finding::unknown(Cause::Version, BROKER, "it does not tell its version", ""),
    }
}

pub(super) fn nodes(nodes: &Value) -> Vec<Finding> {
    nodes.as_array().into_iter().flatten().flat_map(node).collect()
}

fn node(node: &Value) -> Vec<Finding> {
    let name = node["name"].as_str().unwrap_or("a node");
    let mut findings = Vec::new();
    let mut bad = |cause, found: String, advice: &str| {
        let is_alarm = matches!(cause, Cause::Memory | Cause::Disk);
        let hinders = if is_alarm { Hinders::All } else { Hinders::Nothing };
        findings.push(Finding::bad(cause, name, &found, advice).hinders(hinders));
    };
    if node["running"] == false {
        bad(
            Cause::Node,
            "it does not run".to_owned(),
            "start it: with half of the nodes queues stop",
        );
        return findings;
    }
    let apart = node["partitions"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let apart: Vec<&str> = apart.collect();
    if !apart.is_empty() {
        let found = format!("it has lost {}: the cluster is partitioned", apart.join(", "));
        bad(Cause::Cluster, found, "mend the network, then restart the nodes of the smaller side");
    }
    let megabytes = |field: &str| count(&node[field]) / 1_000_000;
    if node["mem_alarm"] == true {
        let (used, most) = (megabytes("mem_used"), megabytes("mem_limit"));
        let found = format!("the memory alarm is on: {used} of {most} MB; publishing is blocked");
        bad(
            Cause::Memory,
            found,
            "find the queues that grow (`ballet doctor` names them), or give it more",
        );
    }
    if node["disk_free_alarm"] == true {
        let (free, least) = (megabytes("disk_free"), megabytes("disk_free_limit"));
        let found =
            format!("the disk alarm is on: {free} MB free, {least} wanted; publishing is blocked");
        bad(
            Cause::Disk,
            found,
            "make room: shorten the journal by its policy, or enlarge the disk",
        );
    }
    let (used, most) = (count(&node["fd_used"]), count(&node["fd_total"]));
    if most > 0 && used * 10 > most * 9 {
        let found = format!("{used} of {most} file descriptors are in use");
        bad(Cause::Node, found, "raise the limit of open files of the broker");
    }
    if findings.is_empty() {
        findings.push(Finding::well(Cause::Node, name, "it runs, without alarms or partitions"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::standing::finding::FindingState;

    #[test]
    fn a_version_is_compared_as_numbers() {
        let of = |version: &str| version_state(version);
        assert_eq!(of("3.9.29"), FindingState::Bad);
        assert_eq!(of("3.10.0"), FindingState::Well);
        assert_eq!(of("4.1.0"), FindingState::Well);
        assert_eq!(of("unknown"), FindingState::Unknown);
    }

    fn version_state(version: &str) -> FindingState {
        super::version(&json!({ "rabbitmq_version": version })).state
    }

    #[test]
    fn each_trouble_of_a_node_is_named() {
        let well = json!({ "name": "rabbit@a", "running": true, "partitions": [], "mem_alarm": false,
            "disk_free_alarm": false, "fd_used": 10, "fd_total": 100 });
        let found = nodes(&json!([well]));
        assert_eq!((found.len(), found[0].state), (1, FindingState::Well));
        for (field, value, cause) in [
            ("running", json!(false), Cause::Node),
            ("partitions", json!(["rabbit@b"]), Cause::Cluster),
            ("mem_alarm", json!(true), Cause::Memory),
            ("disk_free_alarm", json!(true), Cause::Disk),
            ("fd_used", json!(95), Cause::Node),
        ] {
            let mut node = well.clone();
            node[field] = value;
            let found = nodes(&json!([node]));
            assert_eq!(
                (found.len(), found[0].state, found[0].cause),
                (1, FindingState::Bad, cause)
            );
            assert!(!found[0].advice.is_empty());
        }
    }
}
