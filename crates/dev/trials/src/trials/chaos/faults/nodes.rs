//! Faults of the broker's nodes, single or in a cluster.

use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::{Method, RabbitMq, Servers, wait_until};
use futures_util::future::{join_all, try_join_all};

use crate::dice::Dice;
use crate::running::long_run::LongRun;
use crate::trials::chaos::faults::baseline::Baseline;
use crate::trials::chaos::faults::random_service::random_service;

/// The time that a node has to come back after it was cut off.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn all(servers: &Servers) -> Result<String> {
    try_join_all(servers.nodes().map(RabbitMq::kill)).await?;
    try_join_all(servers.nodes().map(RabbitMq::start)).await?;
    Ok(String::new())
}

/// Kills the leader of a service's queue or a follower, and restarts it after a while.
pub(crate) async fn one(run: &LongRun, dice: &mut Dice, leader: bool) -> Result<String> {
    let service = random_service(run, dice)?;
    let path = ["queues", run.stage.env.vhost(), service];
    let queue = run.stage.env.management().call(Method::GET, &path, None).await?;
    let leads = queue["leader"].as_str().context("the broker names no leader")?;
    let leads = |node: &&RabbitMq| node.node_name().as_deref() == Some(leads);
    let nodes: Vec<_> = run.stage.servers.nodes().filter(|node| leads(node) == leader).collect();
    let node = dice.pick(&nodes).context("no node fits")?;
    node.kill().await?;
    tokio::time::sleep(dice.millis(200, 5_000)).await;
    node.start().await?;
    Ok(format!("{}, of {service}", node.node_name().unwrap_or_default()))
}

/// Cuts a node off, and restores the links. In the minority, it pauses.
pub(crate) async fn split(
    servers: &Servers,
    baseline: &Baseline,
    dice: &mut Dice,
) -> Result<String> {
    let nodes: Vec<_> = servers.nodes().collect();
    let apart = dice.pick(&nodes).context("there is no broker")?;
    for other in nodes.iter().filter(|node| node.node_name() != apart.node_name()) {
        cut(other, apart).await?;
        cut(apart, other).await?;
    }
    tokio::time::sleep(dice.millis(5_000, 25_000)).await;
    wait_until("the node to be back", PATIENCE, || async {
        // All links are restored, even if one fails: the node waits for the others.
        let mended = join_all(nodes.iter().map(|node| baseline.node(node))).await;
        mended.into_iter().collect::<Result<()>>()?;
        anyhow::Ok(apart.control(&["await_startup"]).await.map(Some)?)
    })
    .await?;
    Ok(apart.node_name().unwrap_or_default())
}

/// A different cookie keeps the node from reconnecting.
pub(super) async fn cut(node: &RabbitMq, other: &RabbitMq) -> Result<()> {
    let other = other.node_name().unwrap_or_default();
    let cut = format!("erlang:set_cookie('{other}', apart), erlang:disconnect_node('{other}').");
    Ok(node.control(&["eval", &cut]).await.map(drop)?)
}

pub(crate) async fn freeze(servers: &Servers, dice: &mut Dice, time: Duration) -> Result<String> {
    let nodes: Vec<_> = servers.nodes().collect();
    let node = dice.pick(&nodes).context("there is no broker")?;
    node.freeze().await?;
    tokio::time::sleep(time).await;
    node.thaw().await?;
    Ok(format!("the broker, {time:?}"))
}
