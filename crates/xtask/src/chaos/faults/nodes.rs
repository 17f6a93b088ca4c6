//! Faults of the broker's nodes, single or in a cluster.

use std::time::Duration;

use anyhow::{Context, Result};
use ballet_testkit::{Method, RabbitMq, Servers};
use futures_util::future::try_join_all;

use crate::chaos::dice::Dice;
use crate::chaos::stage::Stage;
use crate::harness::service::SERVICES;

/// Kills all nodes and starts them again together.
pub(crate) async fn all(servers: &Servers) -> Result<String> {
    try_join_all(servers.nodes().map(RabbitMq::kill)).await?;
    try_join_all(servers.nodes().map(RabbitMq::start)).await?;
    Ok(String::new())
}

/// Kills the node that leads a service's queue, or one that follows, and starts it again after a
/// while.
pub(crate) async fn one(stage: &Stage, dice: &mut Dice, leader: bool) -> Result<String> {
    let service = SERVICES[dice.below(SERVICES.len())];
    let path = ["queues", stage.env.vhost(), service];
    let queue = stage.env.management().call(Method::GET, &path, None).await?;
    let leads = queue["leader"].as_str().context("the broker names no leader")?;
    let leads = |node: &&RabbitMq| node.node_name().as_deref() == Some(leads);
    let nodes: Vec<_> = stage.servers.nodes().filter(|node| leads(node) == leader).collect();
    let node = dice.pick(&nodes).context("no node fits")?;
    node.kill().await?;
    tokio::time::sleep(dice.millis(200, 5_000)).await;
    node.start().await?;
    Ok(format!("{}, of {service}", node.node_name().unwrap_or_default()))
}

/// Freezes one node.
pub(crate) async fn freeze(servers: &Servers, dice: &mut Dice, time: Duration) -> Result<String> {
    let nodes: Vec<_> = servers.nodes().collect();
    let node = dice.pick(&nodes).context("there is no broker")?;
    node.freeze().await?;
    tokio::time::sleep(time).await;
    node.thaw().await?;
    Ok(format!("the broker, {time:?}"))
}
