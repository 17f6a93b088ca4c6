//! Loads definitions into the broker, and verifies the result.

use std::collections::BTreeSet;

use ballet_amqp::Expected;
use reqwest::{Method, Url};

use crate::env::definitions::EnvDefinitions;
use crate::error::{Error, Result};
use crate::management::Management;
use crate::servers::rabbitmq_access::{amqp, log_in};

/// RabbitMQ 3.10 on a busy machine sometimes leaves out a queue, and reports success all the same.
const ATTEMPTS: usize = 3;

/// Loads the definitions until everything is there.
pub(crate) async fn apply(
    management: &Management,
    definitions: &EnvDefinitions,
    ops: &Url,
) -> Result<()> {
    for _ in 1..ATTEMPTS {
        if load(management, definitions, ops).await.is_ok() {
            return Ok(());
        }
    }
    load(management, definitions, ops).await
}

/// Loads the definitions, and makes sure that everything is there.
async fn load(management: &Management, definitions: &EnvDefinitions, ops: &Url) -> Result<()> {
    management.call(Method::POST, &["definitions"], Some(&definitions.document)).await?;
    runs_everywhere(management, &definitions.vhost).await?;
    check(ops, definitions).await?;
    all_may_enter(management, definitions).await
}

/// Makes sure that each user has its rights in the vhost.
async fn all_may_enter(management: &Management, definitions: &EnvDefinitions) -> Result<()> {
    let path = ["vhosts", definitions.vhost.as_str(), "permissions"];
    let found = management.call(Method::GET, &path, None).await?;
    let found = found.as_array().into_iter().flatten();
    let granted: BTreeSet<&str> = found.filter_map(|entry| entry["user"].as_str()).collect();
    let wanted = definitions.document["permissions"].as_array().into_iter().flatten();
    let wanted = wanted.filter_map(|entry| entry["user"].as_str());
    let left_out: Vec<&str> = wanted.filter(|user| !granted.contains(user)).collect();
    if left_out.is_empty() {
        return Ok(());
    }
    Err(Error::Server {
        what: format!("letting users into the vhost {}", definitions.vhost),
        place: management.url().to_owned(),
        cause: format!("it has no rights for {left_out:?}"),
        advice: "did somebody remove them meanwhile?",
    })
}

/// Makes sure that the vhost runs on each node: if not, the import has stopped half way.
async fn runs_everywhere(management: &Management, vhost: &str) -> Result<()> {
    let found = management.call(Method::GET, &["vhosts", vhost], None).await?;
    let nodes = found["cluster_state"].as_object().into_iter().flatten();
    let down: Vec<&String> =
        nodes.filter(|(_, state)| *state != "running").map(|(node, _)| node).collect();
    if down.is_empty() {
        return Ok(());
    }
    Err(Error::Server {
        what: format!("making the vhost {vhost}"),
        place: management.url().to_owned(),
        cause: format!("it does not run on {down:?}"),
        advice: "was that node still starting? Try again once `rabbitmqctl await_startup` succeeds there",
    })
}

/// Looks up every exchange and queue as the administrator, who may see them all.
async fn check(url: &Url, definitions: &EnvDefinitions) -> Result<()> {
    let session = log_in(url).await?;
    let expected = definitions.exchanges.iter().fold(Expected::new(), Expected::exchange);
    let expected = definitions.queues.iter().fold(expected, Expected::queue);
    let found = expected.check(&*session).await;
    session.close().await;
    found.map_err(|error| amqp(url, &error))
}
