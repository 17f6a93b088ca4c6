//! Checks a run: every saga ended once, and every balance is the sum of its entries.

use std::time::Duration;

use anyhow::{Result, bail};
use ballet_stage::TestEnv;
use tokio::time::Instant;

use crate::runs::load::{SagaLoad, StartedSagas};
use crate::runs::stage::admin;
use crate::saga4::contract::SERVICES;

const PATIENCE: Duration = Duration::from_secs(30);

fn expected(service: &str, started: &StartedSagas) -> Vec<(&'static str, u64)> {
    let closed = started.all - started.refused;
    match service {
        "a" => vec![("open", started.all), ("close", closed), ("cancel", started.refused)],
        "b" => vec![("move", started.all), ("undo", started.refused)],
        _ => vec![("move", closed), ("undo", 0)],
    }
}

/// Waits until the databases hold the right rows.
///
/// # Errors
///
/// If they are not right in time, or the load has seen a wrong end.
pub(crate) async fn judge(env: &TestEnv, load: &SagaLoad) -> Result<()> {
    if let Some(first) = load.wrong.first() {
        bail!("the oracle: {} wrong ends, the first: {first}", load.wrong.len());
    }
    for service in SERVICES {
        let until = Instant::now() + PATIENCE;
        let mut db = admin(env, service).await?;
        while let Some(wrong) = find_mistake(&mut db, service, &load.started).await? {
            if Instant::now() > until {
                bail!("the oracle: in the database of {service} {wrong}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}

async fn find_mistake(
    db: &mut sqlx::PgConnection,
    service: &str,
    started: &StartedSagas,
) -> Result<Option<String>> {
    for (step, times) in expected(service, started) {
        let (all, sagas): (i64, i64) =
            sqlx::query_as("select count(*), count(distinct saga_id) from entry where step = $1")
                .bind(step)
                .fetch_one(&mut *db)
                .await?;
        if u64::try_from(all)? != times || all != sagas {
            let is = format!("{step:?} took effect {all} times for {sagas} sagas");
            return Ok(Some(format!("{is}, expected {times}")));
        }
    }
    let (wrong,): (i64,) = sqlx::query_as(
        "select count(*) from account left join \
             (select account_id, sum(amount) as amount, count(*) as moves from entry group by 1) e \
             using (account_id) \
         where balance <> coalesce(e.amount, 0) or account.moves <> coalesce(e.moves, 0)",
    )
    .fetch_one(db)
    .await?;
    Ok((wrong > 0).then(|| format!("{wrong} accounts differ from the sum of their entries")))
}
