//! One run of a contestant: warm-up, measured window, and check.

use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::TestEnv;
use ballet_stage::usage::CpuSnapshot;
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::contestants::contestant::Contestant;
use crate::report::outcome::quantile;
use crate::runs::console_process::ConsoleProcess;
use crate::runs::figures::{MESSAGES, P50, P99, SAGAS, WAL, count, messages, per};
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

/// The figures of a run, by column. "A message" is one that a service handled.
pub type RunFigures = Vec<(&'static str, f64)>;

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
    let services = cpu(&services.pids());
    let postgres = cpu(&stage.servers.postgres().pids().await);
    let broker = cpu(&stage.servers.rabbitmq().pids().await);
    let took: Vec<f64> = ended.iter().map(|(.., took)| took.as_secs_f64() * 1000.0).collect();
    Ok(vec![
        (SAGAS, count(ended.len()) / seconds),
        (MESSAGES, handled / seconds),
        ("members", count(ended.len()) / count(told.max(1))),
        (P50, quantile(&took, 0.5)),
        (P99, quantile(&took, 0.99)),
        (WAL, per(after.wal - before.wal, handled)),
        // Of processor time per message, without the program that starts and watches sagas.
        ("CPU ms", postgres + broker + services),
        ("postgres", postgres),
        ("broker", broker),
        ("services", services),
        ("MB", memory_peak),
    ])
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
