//! One run of a contestant: warm-up, measured window, and check.

use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::TestEnv;
use ballet_stage::usage::CpuSnapshot;
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::contestants::contestant::Contestant;
use crate::runs::console_process::ConsoleProcess;
use crate::runs::figures::{Cpu, RunFigures, count, messages, per};
use crate::runs::load::{LoadPlan, SagaLoad};
use crate::runs::oracle;
use crate::runs::services::{self, ContestantServices};
use crate::runs::stage::{BenchStage, admin};
use crate::saga4::contract::SERVICES;

/// A run: the contestant, its load, and the times.
#[derive(Debug, Clone, Copy)]
pub struct BenchRun {
    /// The contestant.
    pub contestant: Contestant,
    /// The load.
    pub plan: LoadPlan,
    /// Whether a console follows the journal.
    pub is_observed: bool,
    /// The time before the window.
    pub warm_up: Duration,
    /// The time that is measured.
    pub window: Duration,
}

/// Measures one run.
///
/// # Errors
///
/// If the run fails, or was wrong.
pub async fn run(stage: &BenchStage, run: &BenchRun) -> Result<RunFigures> {
    let env = stage.env(run.contestant).await?;
    let result = Box::pin(run_in(stage, run, &env)).await;
    env.close().await?;
    result.with_context(|| format!("the run of {} has no figures", run.contestant.name()))
}

async fn run_in(stage: &BenchStage, run: &BenchRun, env: &TestEnv) -> Result<RunFigures> {
    let mut load = SagaLoad::connect(env, run.plan).await?;
    let services = services::start(stage, run.contestant, env).await?;
    let result = async {
        let console = match run.is_observed {
            true => Some(ConsoleProcess::start(stage, env).await?),
            false => None,
        };
        let figures = under_load(stage, run, env, &services, &mut load).await?;
        drop(console);
        oracle::judge(env, &load).await?;
        load.close().await;
        services.check()?;
        anyhow::Ok(figures)
    };
    let result = result.await;
    if result.is_err() {
        // First, since a service's end causes other errors.
        services.check()?;
    }
    services.stop().await;
    result
}

async fn under_load(
    stage: &BenchStage,
    run: &BenchRun,
    env: &TestEnv,
    services: &ContestantServices,
    load: &mut SagaLoad,
) -> Result<RunFigures> {
    let mut db = admin(env, SERVICES[0]).await?;
    load.warm_up(run.warm_up).await?;
    let before = sample_usage(&mut db).await?;
    let told = load.told;
    load.go(run.window).await?;
    let after = sample_usage(&mut db).await?;
    let told = load.told - told;
    let memory_peak = services.memory_peak();
    load.finish().await?;
    let in_window = |at: Instant| before.at <= at && at < after.at;
    let ended: Vec<_> = load.ended.iter().filter(|(at, ..)| in_window(*at)).copied().collect();
    let handled = messages(&ended);
    let seconds = (after.at - before.at).as_secs_f64();
    let cpu = |roots: &[i32]| {
        let used = after.cpu.milliseconds(roots) - before.cpu.milliseconds(roots);
        used / handled.max(1.0)
    };
    let services = services.pids();
    let servers = (stage.servers.postgres().pids().await, stage.servers.rabbitmq().pids().await);
    Ok(RunFigures {
        sagas: count(ended.len()) / seconds,
        messages: handled / seconds,
        members: count(ended.len()) / count(told.max(1)),
        latencies: ended.iter().map(|(.., took)| took.as_secs_f64() * 1000.0).collect(),
        cpu: Cpu { postgres: cpu(&servers.0), broker: cpu(&servers.1), services: cpu(&services) },
        wal: per(after.wal - before.wal, handled),
        memory_peak,
    })
}

async fn sample_usage(db: &mut PgConnection) -> Result<UsageSample> {
    let (wal,): (i64,) =
        sqlx::query_as("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
            .fetch_one(db)
            .await?;
    Ok(UsageSample { at: Instant::now(), cpu: CpuSnapshot::take()?, wal })
}

struct UsageSample {
    at: Instant,
    cpu: CpuSnapshot,
    wal: i64,
}
