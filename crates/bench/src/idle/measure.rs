//! Starts services, gives them nothing to do, and takes what they and their servers use of the processor.

use std::time::Duration;

use anyhow::Result;
use ballet_stage::usage::CpuSnapshot;
use tokio::time::{Instant, sleep};

use crate::contestants::contestant::Contestant;
use crate::idle::figures::{Idle, Row};
use crate::runs::services::{self, Services, Setting};
use crate::runs::stage::Stage;
use crate::saga4::contract::SERVICES;

/// Who is measured: ours, and one that waits for messages and does nothing else.
const WHO: [Contestant; 2] = [Contestant::Ballet, Contestant::Twin];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Systems of four services each.
    pub systems: usize,
    /// What passes before: tables and partitions are made, and the first rounds of all that repeats are over.
    pub settled: Duration,
    /// What is measured.
    pub window: Duration,
}

/// Measures. `say` is told what is under way.
///
/// # Errors
///
/// If a service does not start, or ends.
pub async fn measure(stage: &Stage, extent: Extent, say: impl Fn(&str)) -> Result<Idle> {
    say("idle: the servers alone");
    let alone = rest(stage, &[], extent).await?;
    let mut rows = Vec::new();
    for who in WHO {
        let count = extent.systems * SERVICES.len();
        say(&format!("idle: {count} services of {}", who.name()));
        let (mut systems, mut envs) = (Vec::new(), Vec::new());
        for _ in 0..extent.systems {
            let env = stage.env(who).await?;
            systems.push(services::start(stage, who, &env, Setting::default()).await?);
            envs.push(env);
        }
        let used = rest(stage, &systems, extent).await;
        for system in systems {
            system.check()?;
            system.stop().await;
        }
        for env in envs {
            env.close().await?;
        }
        rows.push(Row::new(who.name(), count, used?, alone));
    }
    Ok(Idle { rows, seconds: extent.window.as_secs_f64() })
}

/// What Postgres, the broker and the services use, in milliseconds a second.
async fn rest(stage: &Stage, systems: &[Services], extent: Extent) -> Result<[f64; 3]> {
    sleep(extent.settled).await;
    let (before, begun) = (CpuSnapshot::take()?, Instant::now());
    sleep(extent.window).await;
    let (after, seconds) = (CpuSnapshot::take()?, begun.elapsed().as_secs_f64());
    let services: Vec<i32> = systems.iter().flat_map(Services::pids).collect();
    let (postgres, broker) =
        (stage.servers.postgres().pids().await, stage.servers.rabbitmq().pids().await);
    let used = |roots: &[i32]| (after.milliseconds(roots) - before.milliseconds(roots)) / seconds;
    Ok([used(&postgres), used(&broker), used(&services)])
}
