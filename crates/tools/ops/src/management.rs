//! What checks and repairs of a topology read and change through RabbitMQ's management API.

use std::time::Duration;

use ballet_amqp::{ManagementApi, ManagementError};
use ballet_core::topology::drift::{BrokerObjects, Difference, ObjectKind, compare};
use ballet_core::{System, contract, topology};
use hyper::Method;
use serde_json::{Value, json};

/// The patience of tools that have time.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The patience of those who ask many things and want an answer soon.
pub const SOON: Duration = Duration::from_secs(10);

type Result<T> = std::result::Result<T, ManagementError>;

/// Lists the objects of the topology.
///
/// # Errors
///
/// There is no answer.
pub async fn read_objects(management: &ManagementApi) -> Result<BrokerObjects> {
    Ok(BrokerObjects {
        exchanges: management.list("exchanges").await?,
        queues: queues(management).await?,
        bindings: management.list("bindings").await?,
        policies: management.list("policies").await?,
    })
}

/// The queues, each with the number of its consumers. RabbitMQ 4.3 counts them every five seconds and reports none
/// until then; its list of consumers has each at once.
///
/// # Errors
///
/// There is no answer.
pub async fn queues(management: &ManagementApi) -> Result<Vec<Value>> {
    let (mut queues, consumers) =
        tokio::try_join!(management.list("queues"), management.list("consumers"))?;
    for queue in &mut queues {
        let reads = |consumer: &&Value| consumer["queue"]["name"] == queue["name"];
        let listed = consumers.iter().filter(reads).count();
        if listed > 0 && queue["consumers"] == 0 {
            queue["consumers"] = listed.into();
        }
    }
    Ok(queues)
}

/// Repairs a difference, if that is possible without losing messages.
///
/// # Errors
///
/// There is no answer.
pub async fn apply(management: &ManagementApi, difference: &Difference) -> Result<()> {
    let vhost = management.vhost();
    let text = |object: &Value, field: &str| object[field].as_str().unwrap_or_default().to_owned();
    match difference {
        Difference::Missing { kind: ObjectKind::Binding, wanted } => {
            let (from, to) = (text(wanted, "source"), text(wanted, "destination"));
            let path = ["bindings", vhost, "e", &from, end(wanted), &to];
            let binding = json!({ "routing_key": wanted["routing_key"],
                "arguments": wanted["arguments"] });
            management.call(Method::POST, &path, Some(&binding)).await?;
        }
        Difference::Missing { kind, wanted }
        | Difference::Other { kind: kind @ ObjectKind::Policy, wanted, .. } => {
            let section = match kind {
                ObjectKind::Exchange => "exchanges",
                ObjectKind::Queue => "queues",
                ObjectKind::Policy => "policies",
                ObjectKind::Binding => "bindings",
            };
            let path = [section, vhost, &text(wanted, "name")];
            management.call(Method::PUT, &path, Some(wanted)).await?;
        }
        Difference::Unwanted { found } => {
            let (from, to) = (text(found, "source"), text(found, "destination"));
            let key = text(found, "properties_key");
            let path = ["bindings", vhost, "e", &from, end(found), &to, &key];
            match management.call(Method::DELETE, &path, None).await {
                // It is gone, perhaps by a first attempt whose answer was lost.
                Err(error) if error.is_not_found() => {}
                done => done.map(drop)?,
            }
        }
        Difference::Other { .. } | Difference::Policed { .. } | Difference::Strange { .. } => {}
    }
    Ok(())
}

/// How these objects of a virtual host differ from what a system declares.
#[must_use]
pub fn differences(system: &System, vhost: &str, found: &BrokerObjects) -> Vec<Difference> {
    let here = contract::system(vhost, system.parts.clone());
    compare(&topology::definitions(&here, |_| String::new()), found)
}

/// Whether a process of the release before may need what the repair of a difference takes: it has to be asked for.
#[must_use]
pub const fn has_to_be_asked_for(difference: &Difference) -> bool {
    matches!(difference, Difference::Unwanted { .. } | Difference::Other { keeps_less: true, .. })
}

/// The kind of a binding's destination, as the API abbreviates it.
fn end(binding: &Value) -> &'static str {
    if binding["destination_type"] == "exchange" { "e" } else { "q" }
}
