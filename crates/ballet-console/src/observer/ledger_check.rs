//! Asks the services' ledgers about late sagas. A service may take a step back without an event, so a saga that looks
//! late by the journal may be over, and one that is over by the journal may still wait for a call.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ballet_ops::sagas::{self, SagaQuery};
use ballet_store::calls::open;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::{sleep, timeout};

use crate::contract_index::ContractIndex;
use crate::store::late;

const EVERY: Duration = Duration::from_secs(5);
/// The limit for the services' databases.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most sagas in one question.
const MOST: u16 = 500;

/// Asks the ledgers forever.
pub(crate) async fn ask(
    pool: PgPool,
    databases: Vec<(String, PgConnectOptions)>,
    contract_index: Arc<ContractIndex>,
) {
    if databases.is_empty() {
        return;
    }
    loop {
        let looked = async {
            round(&pool, &databases, &contract_index).await?;
            reopen(&pool, &databases, &contract_index).await
        };
        match timeout(PATIENCE, looked).await {
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
    contract_index: &ContractIndex,
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
    let listed = sagas::list(contract_index.system(), databases, &wanted).await;
    // A service whose ledger cannot be read may still have work to do.
    if !listed.away.is_empty() {
        return Ok(());
    }
    let ended: Vec<late::EndedSaga> = listed
        .sagas
        .iter()
        .filter(|one| !one.state.is_open())
        .filter_map(|one| Some((one.saga, *late.get(&one.saga)?, one.state.as_str())))
        .collect();
    late::keep(pool, &ended).await
}

/// Opens sagas again that ended by the journal while a service still waits for the answer to a call.
async fn reopen(
    pool: &PgPool,
    databases: &[(String, PgConnectOptions)],
    contract_index: &ContractIndex,
) -> Result<(), sqlx::Error> {
    let mut calling = BTreeSet::new();
    for (_, options) in databases {
        // Of a database that does not answer nothing is known.
        let Ok(mut db) = PgConnection::connect_with(options).await else { return Ok(()) };
        calling.extend(open::sagas(&mut db).await?);
        db.close().await?;
    }
    let ended = late::ended_among(pool, calling, MOST).await?;
    if ended.is_empty() {
        return Ok(());
    }
    let (sagas, limit) = (Some(ended.keys().copied().collect()), ended.len());
    let wanted = SagaQuery { sagas, limit, ..SagaQuery::default() };
    let listed = sagas::list(contract_index.system(), databases, &wanted).await;
    for one in listed.sagas.iter().filter(|one| one.state.is_open()) {
        if let (Some(place), Some(wait)) = (ended.get(&one.saga), one.waits.first()) {
            late::reopen(pool, (one.saga, *place), wait).await?;
        }
    }
    Ok(())
}
