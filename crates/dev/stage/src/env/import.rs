//! Loads definitions into the broker, and verifies the result.

use std::collections::BTreeSet;

use hyper::Method;
use serde_json::Value;

use crate::env::definitions::EnvDefinitions;
use crate::error::{Error, Result};
use crate::management::ManagementClient;

/// RabbitMQ 3.10 on a busy machine sometimes leaves out a queue, and reports success.
const ATTEMPTS: usize = 3;

/// Repeats until everything is there.
pub(crate) async fn apply(
    management: &ManagementClient,
    definitions: &EnvDefinitions,
) -> Result<()> {
    for _ in 1..ATTEMPTS {
        if load(management, definitions).await.is_ok() {
            return Ok(());
        }
    }
    load(management, definitions).await
}

async fn load(management: &ManagementClient, definitions: &EnvDefinitions) -> Result<()> {
    management.call(Method::POST, &["definitions"], Some(&definitions.document)).await?;
    runs_everywhere(management, &definitions.vhost).await?;
    all_are_there(management, definitions).await?;
    all_may_enter(management, definitions).await
}

/// Two lists of names cost the broker less than looking up each. RabbitMQ 4.3 leaves internal exchanges out of the
/// definitions that it shows.
async fn all_are_there(management: &ManagementClient, definitions: &EnvDefinitions) -> Result<()> {
    let vhost = definitions.vhost.as_str();
    let exchanges = management.call(Method::GET, &["exchanges", vhost], None).await?;
    let found = management.call(Method::GET, &["definitions", vhost], None).await?;
    let mut left_out = Vec::new();
    for (list, wanted) in
        [(&exchanges, &definitions.exchanges), (&found["queues"], &definitions.queues)]
    {
        let there: BTreeSet<&str> = texts(list, "name").collect();
        left_out.extend(wanted.iter().filter(|name| !there.contains(name.as_str())));
    }
    if left_out.is_empty() {
        return Ok(());
    }
    Err(Error::Server {
        what: format!("making what is in the vhost {}", definitions.vhost),
        place: management.url().to_owned(),
        cause: format!("it is without {left_out:?}"),
        advice: "the broker's log says more",
    })
}

async fn all_may_enter(management: &ManagementClient, definitions: &EnvDefinitions) -> Result<()> {
    let path = ["vhosts", definitions.vhost.as_str(), "permissions"];
    let found = management.call(Method::GET, &path, None).await?;
    let granted: BTreeSet<&str> = texts(&found, "user").collect();
    let wanted = texts(&definitions.document["permissions"], "user");
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

/// If the vhost does not run on each node, the import has stopped half way.
async fn runs_everywhere(management: &ManagementClient, vhost: &str) -> Result<()> {
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

fn texts<'a>(list: &'a Value, name: &'static str) -> impl Iterator<Item = &'a str> {
    list.as_array().into_iter().flatten().filter_map(move |entry| entry[name].as_str())
}
