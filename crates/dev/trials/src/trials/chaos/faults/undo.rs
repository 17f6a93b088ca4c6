//! Cleans up after a fault that failed half way, or customers would wait for ever.

use std::time::Duration;

use anyhow::{Result, bail};
use ballet_stage::{Postgres, RabbitMq, wait_until};
use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::running::long_run::LongRun;
use crate::trials::chaos::faults::baseline::Baseline;

/// A server may refuse to start or to take a command this long.
const PATIENCE: Duration = Duration::from_secs(120);
/// A start may take five minutes.
const LIMIT: Duration = Duration::from_secs(6 * 60);

/// Restores processes, proxies, servers, disks, and the baseline.
pub(crate) async fn undo(run: &LongRun, baseline: &Baseline) -> Result<()> {
    run.open_proxies();
    let servers = &run.stage.servers;
    let services = run.fleet.resume().boxed_local();
    let databases = postgres(servers.postgres(), baseline).boxed_local();
    let mut all = vec![("a service".to_owned(), services), ("Postgres".to_owned(), databases)];
    all.extend(servers.nodes().map(|node| {
        let name = node.node_name().unwrap_or_else(|| "the broker".to_owned());
        (name, broker(node, baseline).boxed_local())
    }));
    // All at once: a node comes back only when the others let it, and a hanging one delays nobody.
    let mended = all.into_iter().map(|(name, mended)| async move {
        let why = match tokio::time::timeout(LIMIT, mended).await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => format!("{error:#}"),
            Err(_late) => format!("no answer for {LIMIT:?}"),
        };
        Some(format!("{name} does not come back after a fault: {why}"))
    });
    let broken: Vec<_> = join_all(mended).await.into_iter().flatten().collect();
    if !broken.is_empty() {
        bail!(broken.join("\n"));
    }
    Ok(())
}

/// The error of thawing a server that was not frozen means nothing.
async fn postgres(postgres: &Postgres, baseline: &Baseline) -> Result<()> {
    postgres.thaw().await.ok();
    if postgres.has_small_disk() {
        postgres.free_disk().await.ok();
    }
    let mended = wait_until("Postgres", PATIENCE, || async {
        postgres.revive().await?;
        baseline.databases().await.map(Some)
    });
    Ok(mended.await?)
}

async fn broker(node: &RabbitMq, baseline: &Baseline) -> Result<()> {
    node.thaw().await.ok();
    if node.has_small_disk() {
        node.free_disk().await.ok();
    }
    let mended = wait_until("the broker", PATIENCE, || async {
        node.revive().await?;
        baseline.node(node).await?;
        baseline.define(node.management()).await.map(Some)
    });
    Ok(mended.await?)
}
