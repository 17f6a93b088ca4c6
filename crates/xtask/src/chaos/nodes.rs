//! Faults of the broker's nodes: one alone, or those of a cluster.

use std::time::Duration;

use anyhow::{Context, Result};
use ballet_testkit::{Method, RabbitMq, Servers};
use futures_util::future::try_join_all;

use super::dice::Dice;
use super::stage::Stage;
use crate::demo::stage::SERVICES;

/// Kills all nodes, and starts them again together.
pub(super) async fn all(servers: &Servers) -> Result<String> {
    try_join_all(servers.nodes().map(RabbitMq::kill)).await?;
    try_join_all(servers.nodes().map(RabbitMq::start)).await?;
    Ok(String::new())
}

/// Kills the node that leads a service's queue, or another one, and starts it again after a while.
pub(super) async fn one(stage: &Stage, dice: &mut Dice, leader: bool) -> Result<String> {
    let service = SERVICES[dice.below(SERVICES.len())];
    let path = ["queues", stage.bed.vhost(), service];
    let queue = stage.bed.management().call(Method::GET, &path, None).await?;
    let leads = queue["leader"].as_str().context("the broker names no leader")?;
    let leads = |node: &&RabbitMq| node.node_name().as_deref() == Some(leads);
    let nodes: Vec<_> = stage.servers.nodes().filter(|node| leads(node) == leader).collect();
    let node = dice.pick(&nodes).context("the queue is led by no node of ours")?;
    node.kill().await?;
    tokio::time::sleep(dice.millis(200, 5_000)).await;
    node.start().await?;
    Ok(format!("{}, of {service}", node.node_name().unwrap_or_default()))
}

/// One node stands still.
pub(super) async fn freeze(servers: &Servers, dice: &mut Dice, time: Duration) -> Result<String> {
    let nodes: Vec<_> = servers.nodes().collect();
    let node = dice.pick(&nodes).context("there is no broker")?;
    node.freeze().await?;
    tokio::time::sleep(time).await;
    node.thaw().await?;
    Ok(format!("the broker, {time:?}"))
}
