//! Faults of a service's broker connections: closed, corrupted, or without a permission.

use std::time::{Duration, Instant};

use anyhow::{Error, Result};
use ballet_stage::{ManagementClient, Method, Proxy, wait_until};
use serde_json::Value;

use crate::dice::Dice;
use crate::running::long_run::LongRun;

const PATIENCE: Duration = Duration::from_secs(30);

/// The list of connections lacks the last seconds, and a service killed every other second has no older ones.
async fn open(management: &ManagementClient, service: &str) -> Result<Vec<Value>> {
    let open = management.call(Method::GET, &["connections", "username", service], None).await?;
    Ok(open.as_array().cloned().unwrap_or_default())
}

/// Waits for a connected service, as services are killed all the time.
async fn connected(run: &LongRun, dice: &mut Dice) -> Result<(&'static str, Vec<Value>)> {
    let management = run.stage.env.management();
    let mut services = run.services();
    dice.shuffle(&mut services);
    let connected = wait_until("a service to be connected", PATIENCE, || async {
        for service in &services {
            let open = open(management, service).await?;
            if !open.is_empty() {
                return Ok::<_, Error>(Some((*service, open)));
            }
        }
        Ok(None)
    });
    Ok(connected.await?)
}

/// Chooses another service if this one is killed first. Returns `None` if that goes on for too long.
pub(crate) async fn close(run: &LongRun, dice: &mut Dice) -> Result<Option<String>> {
    let management = run.stage.env.management();
    let begun = Instant::now();
    loop {
        let (service, mut connections) = connected(run, dice).await?;
        dice.shuffle(&mut connections);
        connections.truncate(1 + dice.below(connections.len()));
        let closed = close_these(management, service, &connections).await?;
        if closed > 0 || begun.elapsed() > PATIENCE {
            return Ok((closed > 0).then(|| format!("{closed} of {service}")));
        }
    }
}

/// All of the service's connections if none of these exists. Returns the number.
async fn close_these(
    management: &ManagementClient,
    service: &str,
    connections: &[Value],
) -> Result<usize> {
    let mut closed = 0;
    for connection in connections {
        let Some(id) = connection["name"].as_str() else { continue };
        closed +=
            usize::from(management.call(Method::DELETE, &["connections", id], None).await.is_ok());
    }
    if closed == 0 {
        // The broker finds connections by name only in its statistics, which lack the last seconds. Listed ones may be
        // gone.
        closed = open(management, service).await?.len();
        if closed > 0 {
            management.call(Method::DELETE, &["connections", "username", service], None).await?;
        }
    }
    Ok(closed)
}

/// Puts garbage between frames. Without connections nobody would notice.
pub(crate) async fn corrupt(run: &LongRun, dice: &mut Dice) -> Result<String> {
    let (service, _) = connected(run, dice).await?;
    run.proxies[service].broker.iter().for_each(Proxy::corrupt);
    Ok(service.to_owned())
}

/// Takes a service's permission to publish or consume, and gives it back. Connections are closed for it: the broker
/// checks permissions at a consumer's start, and caches them per channel. Without connections nobody notices.
pub(crate) async fn permission(run: &LongRun, dice: &mut Dice) -> Result<Option<String>> {
    let (service, _) = connected(run, dice).await?;
    let which = if dice.one_in(3) { "read" } else { "write" };
    let (management, vhost) = (run.stage.env.management(), run.stage.env.vhost());
    let path = ["permissions", vhost, service];
    let full = management.call(Method::GET, &path, None).await?;
    let mut without = full.clone();
    without[which] = "^$".into();
    management.call(Method::PUT, &path, Some(&without)).await?;
    let closed = open(management, service).await?.len();
    management.call(Method::DELETE, &["connections", "username", service], None).await?;
    if closed > 0 {
        tokio::time::sleep(dice.millis(1_000, 15_000)).await;
    }
    wait_until("the permission", PATIENCE, || async {
        management.call(Method::PUT, &path, Some(&full)).await.map(Some)
    })
    .await?;
    Ok((closed > 0).then(|| format!("{service}, {which}")))
}
