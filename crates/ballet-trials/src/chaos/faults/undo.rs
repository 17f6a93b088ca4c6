//! What a fault leaves behind that has failed half way. Customers would wait for it without end.

use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::{RabbitMq, wait_until};

use crate::running::long_run::LongRun;

/// The broker's limits in `broker/rabbitmq.conf`.
pub(super) const MEMORY: &[&str] = &["set_vm_memory_high_watermark", "absolute", "1GB"];
pub(super) const DISK: &[&str] = &["set_disk_free_limit", "200MB"];

/// How long a server may refuse to start, or to be told something.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts and thaws the servers, frees their disks, ends the alarms, and opens the ways to them. What
/// was not so to begin with answers with an error, which says nothing.
pub(crate) async fn undo(run: &LongRun) -> Result<()> {
    let servers = &run.stage.servers;
    let postgres = servers.postgres();
    if postgres.has_small_disk() {
        postgres.free_disk().await.ok();
    }
    postgres.thaw().await.ok();
    let revived = wait_until("Postgres", PATIENCE, || async { postgres.revive().await.map(Some) });
    revived.await.context("Postgres does not come back after a fault")?;
    for node in servers.nodes() {
        broker(node).await.context("the broker does not come back after a fault")?;
    }
    run.open_proxies();
    Ok(())
}

async fn broker(node: &RabbitMq) -> Result<()> {
    if node.has_small_disk() {
        node.free_disk().await.ok();
    }
    node.thaw().await.ok();
    let mended = wait_until("the broker", PATIENCE, || async {
        node.revive().await?;
        node.control(MEMORY).await?;
        node.control(DISK).await.map(|_| Some(()))
    });
    Ok(mended.await?)
}
