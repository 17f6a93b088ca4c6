//! A service may take a step back without an event, so what looks late by the journal alone may be over. Before
//! somebody is told to act, the services' ledgers are asked.

use std::sync::Arc;
use std::time::Duration;

use ballet_ops::sagas::{self, SagaQuery};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::time::{sleep, timeout};

use crate::known::Known;
use crate::store::late;

const EVERY: Duration = Duration::from_secs(5);
/// How long the services' databases may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The sagas that are asked for together.
const MOST: u16 = 500;

/// Asks for ever.
pub(crate) async fn ask(
    pool: PgPool,
    databases: Vec<(String, PgConnectOptions)>,
    known: Arc<Known>,
) {
    if databases.is_empty() {
        return;
    }
    loop {
        match timeout(PATIENCE, round(&pool, &databases, &known)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("how late sagas stand cannot be kept: {error}"),
            Err(_late) => tracing::warn!("the services' databases do not say how sagas stand"),
        }
        sleep(EVERY).await;
    }
}

async fn round(
    pool: &PgPool,
    databases: &[(String, PgConnectOptions)],
    known: &Known,
) -> Result<(), sqlx::Error> {
    let late = late::next(pool, MOST).await?;
    if late.is_empty() {
        return Ok(());
    }
    let wanted = SagaQuery {
        sagas: Some(late.keys().copied().collect()),
        limit: late.len(),
        ..SagaQuery::default()
    };
    let listed = sagas::list(known.system(), databases, &wanted).await;
    // Whose ledger cannot be read may have something to do.
    if !listed.away.is_empty() {
        return Ok(());
    }
    let ended: Vec<late::Ended> = listed
        .sagas
        .iter()
        .filter(|one| !one.state.is_open())
        .filter_map(|one| Some((one.saga, *late.get(&one.saga)?, one.state.as_str())))
        .collect();
    late::keep(pool, &ended).await
}
