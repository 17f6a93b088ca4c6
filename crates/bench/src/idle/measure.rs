//! Starts services, gives them nothing to do, and measures the processor time of them and their servers.

use std::time::Duration;

use anyhow::Result;
use ballet_stage::usage::CpuSnapshot;
use tokio::time::{Instant, sleep};

use crate::contestants::contestant::Contestant;
use crate::idle::figures::{IdleCost, IdleFigures};
use crate::runs::services::{self, ContestantServices, ServiceSetting};
use crate::runs::stage::BenchStage;
use crate::saga4::contract::SERVICES;

/// The contestants: ours, and one that only waits for messages.
const WHO: [Contestant; 2] = [Contestant::Ballet, Contestant::Twin];

/// The extent of the measurement.
#[derive(Debug, Clone, Copy)]
pub struct IdleExtent {
    /// The number of systems, of four services each.
    pub systems: usize,
    /// The time before the window: tables and partitions are made, and periodic tasks have run once.
    pub settled: Duration,
    /// The time that is measured.
    pub window: Duration,
}

/// Measures idle services. `say` is called with each task.
///
/// # Errors
///
/// If a service does not start, or ends.
pub async fn measure(
    stage: &BenchStage,
    extent: IdleExtent,
    say: impl Fn(&str),
) -> Result<IdleFigures> {
    say("idle: the servers alone");
    let alone = measure_usage(stage, &[], extent).await?;
    let mut rows = Vec::new();
    for who in WHO {
        let count = extent.systems * SERVICES.len();
        say(&format!("idle: {count} services of {}", who.name()));
        let (mut systems, mut envs) = (Vec::new(), Vec::new());
        for _ in 0..extent.systems {
            let env = stage.env(who).await?;
            systems.push(services::start(stage, who, &env, ServiceSetting::default()).await?);
            envs.push(env);
        }
        let used = measure_usage(stage, &systems, extent).await;
        for system in systems {
            system.check()?;
            system.stop().await;
        }
        for env in envs {
            env.close().await?;
        }
        rows.push(IdleCost::new(who.name(), count, used?, alone));
    }
    Ok(IdleFigures { rows, seconds: extent.window.as_secs_f64() })
}

/// Measures the use of Postgres, the broker and the services, in milliseconds a second.
async fn measure_usage(
    stage: &BenchStage,
    systems: &[ContestantServices],
    extent: IdleExtent,
) -> Result<[f64; 3]> {
    sleep(extent.settled).await;
    let (before, begun) = (CpuSnapshot::take()?, Instant::now());
    sleep(extent.window).await;
    let (after, seconds) = (CpuSnapshot::take()?, begun.elapsed().as_secs_f64());
    let services: Vec<i32> = systems.iter().flat_map(ContestantServices::pids).collect();
    let (postgres, broker) =
        (stage.servers.postgres().pids().await, stage.servers.rabbitmq().pids().await);
    let used = |roots: &[i32]| (after.milliseconds(roots) - before.milliseconds(roots)) / seconds;
    Ok([used(&postgres), used(&broker), used(&services)])
}
