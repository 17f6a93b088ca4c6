//! Database faults of our own making: readers, roles, and a provider's table.

use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::wait_until;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::dice::Dice;
use crate::running::long_run::LongRun;
use crate::system::trial::Sandbox;
use crate::trials::chaos::faults::baseline::Baseline;
use crate::trials::chaos::faults::random_service::random_service;
use crate::trials::scene::Scene;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn dump(run: &LongRun, dice: &mut Dice) -> Result<String> {
    let service = random_service(run, dice)?;
    let time = dice.millis(2_000, 30_000);
    let reader = run.stage.env.hold_tables(service).await?;
    tokio::time::sleep(time).await;
    reader.release().await?;
    Ok(format!("{service}, {time:?}"))
}

/// Ends a service's sessions, and for a while refuses all but two new ones.
pub(crate) async fn pool(baseline: &Baseline, dice: &mut Dice) -> Result<String> {
    let role = dice.pick(baseline.roles()).context("the system has no services")?;
    let mut db = PgConnection::connect(&role.url).await?;
    role.limit(&mut db, 2).await?;
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1")
        .bind(&role.name)
        .execute(&mut db)
        .await?;
    tokio::time::sleep(dice.millis(1_000, 8_000)).await;
    mend(baseline).await.context("the role does not get its connections back")?;
    Ok(role.service.to_owned())
}

/// Tries again while the server is unavailable.
async fn mend(baseline: &Baseline) -> Result<(), ballet_stage::Error> {
    wait_until("the databases", PATIENCE, || async { baseline.databases().await.map(Some) }).await
}

/// Takes the table of a provider that a service plays, so that it hangs or fails for up to a minute.
pub(crate) async fn provider(
    scene: &Scene<'_>,
    baseline: &Baseline,
    dice: &mut Dice,
) -> Result<String> {
    let Scene { subject, run, .. } = scene;
    let sandbox = dice.pick(subject.tried.sandboxes());
    let Sandbox { service, table } = sandbox.context("no service plays a provider")?;
    let url = run.stage.env.admin_database_url(service);
    let mut db = PgConnection::connect(url).await?;
    let time =
        if dice.one_in(4) { dice.millis(20_000, 60_000) } else { dice.millis(2_000, 20_000) };
    if dice.one_in(2) {
        let mut holder = db.begin_with("begin").await?;
        let lock = format!("lock table {table} in access exclusive mode");
        holder.execute(AssertSqlSafe(lock)).await?;
        tokio::time::sleep(time).await;
        holder.rollback().await?;
        return Ok(format!("that of {service} hangs, {time:?}"));
    }
    let away = format!("alter table {table} rename to {table}_away");
    db.execute(AssertSqlSafe(away)).await?;
    tokio::time::sleep(time).await;
    mend(baseline).await.context("the provider does not come back")?;
    Ok(format!("that of {service} fails, {time:?}"))
}
