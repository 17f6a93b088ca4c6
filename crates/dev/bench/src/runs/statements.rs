//! Counts the statements per message.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::TestEnv;

use crate::runs::figures::{count, messages};
use crate::runs::load::SagaLoad;
use crate::runs::run::BenchRun;
use crate::runs::services;
use crate::runs::stage::{BenchStage, admin};
use crate::saga4::contract::SERVICES;

/// The number of statements per message, from a short run in which Postgres logs all.
///
/// # Errors
///
/// As [`run`](crate::runs::run::run).
pub async fn statements(stage: &BenchStage, run: &BenchRun, time: Duration) -> Result<f64> {
    let env = stage.env(run.contestant).await?;
    let result = Box::pin(count_statements(stage, run, &env, time)).await;
    env.close().await?;
    result
}

async fn count_statements(
    stage: &BenchStage,
    run: &BenchRun,
    env: &TestEnv,
    time: Duration,
) -> Result<f64> {
    for service in SERVICES {
        // Parameters would fill the disk.
        sqlx::raw_sql(
            "do $$ begin \
               execute format('alter database %I set log_statement = ''all''', \
                   current_database()); \
               execute format('alter database %I set log_parameter_max_length = 0', \
                   current_database()); \
             end $$",
        )
        .execute(&mut admin(env, service).await?)
        .await?;
    }
    let services = services::start(stage, run.contestant, env).await?;
    let log = stage.servers.postgres().log().context("the log of Postgres cannot be read")?;
    let mut load = SagaLoad::connect(env, run.plan).await?;
    let from = fs::metadata(log)?.len();
    load.warm_up(time).await?;
    load.finish().await?;
    let mut file = fs::File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let handled = messages(&load.ended);
    load.close().await;
    services.stop().await;
    let is_statement =
        |line: &&str| line.contains(" LOG:  execute ") || line.contains(" LOG:  statement: ");
    Ok(count(text.lines().filter(is_statement).count()) / handled.max(1.0))
}
