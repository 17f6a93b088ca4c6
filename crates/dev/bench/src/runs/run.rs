//! One run of one contestant: warm-up, measured window, and check.

use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::TestEnv;
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::contestants::contestant::Contestant;
use crate::runs::console_process::ConsoleProcess;
use crate::runs::figures::{Cpu, RunFigures, count, messages, per};
use crate::runs::load::{LoadPlan, SagaLoad};
use crate::runs::services::{self, ContestantServices, ServiceSetting};
use crate::runs::stage::{BenchStage, admin};
use crate::runs::{condition, oracle};
use crate::saga4::contract::{MESSAGES, SERVICES};
use ballet_stage::usage::CpuSnapshot;

/// A run: the contestant, its load, and the times.
#[derive(Debug, Clone, Copy)]
pub struct BenchRun {
    /// The contestant.
    pub contestant: Contestant,
    /// Its processes.
    pub setting: ServiceSetting,
    /// The load.
    pub plan: LoadPlan,
    /// The condition of its databases and its queue at the start.
    pub condition: Condition,
    /// The time before the window.
    pub warm_up: Duration,
    /// The time that is measured.
    pub window: Duration,
}

/// The condition that a contestant starts in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Condition {
    /// The number of old rows in the inboxes, and again in the ledgers. With old rows a snapshot is
    /// held in each database during the whole run.
    pub old_rows: u64,
    /// Whether a reader locks all tables during the run as `pg_dump` does.
    pub locked: bool,
    /// The number of sagas that wait in the first queue. The run ends before all are handled.
    pub backlog: usize,
    /// Whether a console follows the journal.
    pub is_observed: bool,
}

/// Measures one run.
///
/// # Errors
///
/// If the run fails, or if the oracle finds that it was wrong.
pub async fn run(stage: &BenchStage, run: &BenchRun) -> Result<RunFigures> {
    let env = stage.env(run.contestant).await?;
    let result = Box::pin(run_in(stage, run, &env)).await;
    env.close().await?;
    result.with_context(|| format!("the run of {} has no figures", run.contestant.name()))
}

async fn run_in(stage: &BenchStage, run: &BenchRun, env: &TestEnv) -> Result<RunFigures> {
    let mut load = SagaLoad::connect(env, run.plan).await?;
    load.pile_up(run.condition.backlog).await?;
    let services = services::start(stage, run.contestant, env, run.setting).await?;
    let result = async {
        let console = match run.condition.is_observed {
            true => Some(ConsoleProcess::start(stage, env).await?),
            false => None,
        };
        let (mut snapshots, mut readers) = (Vec::new(), Vec::new());
        if run.condition.old_rows > 0 {
            condition::add_old_rows(run.contestant, env, run.condition.old_rows).await?;
            snapshots = condition::hold_snapshots(env).await?;
        }
        if run.condition.locked {
            readers = condition::lock_tables(env).await?;
        }
        let pages = condition::pages(env).await?;
        let mut figures = under_load(stage, run, env, &services, &mut load).await?;
        figures.pages = -per(pages, 1.0);
        drop((snapshots, readers, console));
        let drained = run.condition.backlog == 0;
        oracle::judge(env, &load, drained).await?;
        let messages = match drained {
            true => messages(&load.ended),
            false => condition::handled(run.contestant, env).await?,
        };
        load.close().await;
        services.check()?;
        Ok::<_, anyhow::Error>((figures, messages))
    };
    let result = result.await;
    if result.is_err() {
        // The end of a service is the cause of other errors, so it is reported first.
        services.check()?;
    }
    services.stop().await;
    let (mut figures, messages) = result?;
    figures.commits = per(commits(env).await?, messages);
    figures.pages = (per(condition::pages(env).await?, 1.0) + figures.pages) / messages.max(1.0);
    Ok(figures)
}

async fn under_load(
    stage: &BenchStage,
    run: &BenchRun,
    env: &TestEnv,
    services: &ContestantServices,
    load: &mut SagaLoad,
) -> Result<RunFigures> {
    let mut db = admin(env, SERVICES[0]).await?;
    load.go(run.warm_up).await?;
    let piled_up = run.condition.backlog > 0;
    let by_inbox = async || match piled_up {
        true => condition::handled(run.contestant, env).await,
        false => Ok(0.0),
    };
    let handled_before = by_inbox().await?;
    let before = sample_usage(&mut db).await?;
    load.go(run.window).await?;
    let after = sample_usage(&mut db).await?;
    let handled_after = by_inbox().await?;
    let memory_peak = services.memory_peak();
    if !piled_up {
        load.finish().await?;
    }
    let in_window = |at: Instant| before.at <= at && at < after.at;
    let ended: Vec<_> = load.ended.iter().filter(|(at, ..)| in_window(*at)).copied().collect();
    let handled = if piled_up { handled_after - handled_before } else { messages(&ended) };
    let sagas = match piled_up {
        true => handled / f64::from(MESSAGES.closed),
        false => count(ended.len()),
    };
    let seconds = (after.at - before.at).as_secs_f64();
    let cpu = |roots: &[i32]| {
        let used = after.cpu.milliseconds(roots) - before.cpu.milliseconds(roots);
        used / handled.max(1.0)
    };
    let services = services.pids();
    let servers = (stage.servers.postgres().pids().await, stage.servers.rabbitmq().pids().await);
    Ok(RunFigures {
        sagas: sagas / seconds,
        messages: handled / seconds,
        latencies: ended.iter().map(|(.., took)| took.as_secs_f64() * 1000.0).collect(),
        cpu: Cpu { postgres: cpu(&servers.0), broker: cpu(&servers.1), services: cpu(&services) },
        wal: per(after.wal - before.wal, handled),
        commits: 0.0,
        memory_peak,
        pages: 0.0,
    })
}

async fn sample_usage(db: &mut PgConnection) -> Result<UsageSample> {
    let (wal,): (i64,) =
        sqlx::query_as("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
            .fetch_one(db)
            .await?;
    Ok(UsageSample { at: Instant::now(), cpu: CpuSnapshot::take()?, wal })
}

/// The commits in the contestant's databases, after all sessions have ended.
async fn commits(env: &TestEnv) -> Result<i64> {
    let mut commits = 0;
    for service in SERVICES {
        let (of_service,): (i64,) = sqlx::query_as(
            "select xact_commit from pg_stat_database where datname = current_database()",
        )
        .fetch_one(&mut admin(env, service).await?)
        .await?;
        commits += of_service;
    }
    Ok(commits)
}

struct UsageSample {
    at: Instant,
    cpu: CpuSnapshot,
    wal: i64,
}
