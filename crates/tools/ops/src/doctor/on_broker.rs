//! The findings from the broker's management API.

use ballet_core::topology::drift::BrokerObjects;
use ballet_core::{Cause, System};
use jiff::fmt::rfc2822;
use serde_json::Value;

use ballet::Clock;
use ballet_amqp::{ManagementApi, ManagementError};

use crate::doctor::{broker, clock, queues, rights, topology};
use crate::management::{queues as listed_queues, read_objects};
use crate::standing::finding::{BROKER, Finding};

pub(super) async fn standing(
    management: &ManagementApi,
    system: &System,
    vhost: &str,
) -> (Vec<Finding>, Option<Vec<Value>>) {
    let mut findings = Vec::new();
    match management.get(&["nodes"]).await {
        Ok(nodes) => findings.extend(broker::nodes(&nodes)),
        Err(error @ ManagementError::Unreachable { .. }) => {
            let advice = "check RABBITMQ_MANAGEMENT_URL: host, port, user and password";
            let why = error.to_string();
            return (vec![Finding::unknown(Cause::Management, BROKER, &why, advice)], None);
        }
        Err(error) => findings.push(open(Cause::Node, &error)),
    }
    let queues = match read_objects(management).await {
        Ok(found) => {
            findings.extend(topology::judge(system, vhost, &found));
            let BrokerObjects { queues: listed, .. } = found;
            Some(listed)
        }
        Err(error) => {
            findings.push(open(Cause::Topology, &error));
            // A user may see queues and no policies.
            listed_queues(management).await.ok()
        }
    };
    findings.extend(queues.iter().flat_map(|listed| queues::judge(system, listed)));
    (findings, queues)
}

pub(super) async fn rest(
    management: &ManagementApi,
    system: &System,
    vhost: &str,
    time: &Clock,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let before = time.now();
    match management.overview().await {
        Ok((overview, date)) => {
            findings.push(broker::version(&overview));
            let after = time.now();
            let there = date.and_then(|date| Some(rfc2822::parse(&date).ok()?.timestamp()));
            findings.push(match there {
                Some(there) => clock::judge(BROKER, there, clock::SECOND, before, after),
                None => Finding::unknown(Cause::Clock, BROKER, "its answers have no date", ""),
            });
        }
        Err(error) => findings.push(open(Cause::Version, &error)),
    }
    let permissions = management.get(&["vhosts", vhost, "permissions"]).await;
    let topics = management.get(&["vhosts", vhost, "topic-permissions"]).await;
    let users = management.get(&["users"]).await;
    match permissions.and_then(|permissions| Ok((permissions, topics?, users?))) {
        Ok((permissions, topics, users)) => {
            findings.extend(rights::judge(system, vhost, &permissions, &topics, &users));
        }
        Err(error) => findings.push(open(Cause::Rights, &error)),
    }
    findings
}

/// A finding for a check that could not be made.
fn open(cause: Cause, error: &ManagementError) -> Finding {
    let advice = "give --management-url a user with the tag administrator";
    Finding::unknown(cause, BROKER, &error.to_string(), advice)
}
