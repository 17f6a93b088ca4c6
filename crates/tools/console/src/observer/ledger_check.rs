//! Asks ledgers about late sagas: a service may compensate without an event, so such a saga may be over.

use std::sync::Arc;
use std::time::Duration;

use ballet_ops::sagas::{self, SagaQuery};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::time::{sleep, timeout};

use crate::contract_index::ContractIndex;
use crate::store::late;

const EVERY: Duration = Duration::from_secs(5);
/// The limit for the services' databases.
const PATIENCE: Duration = Duration::from_secs(30);
/// The maximum number of sagas in one question.
const MOST: u16 = 500;

pub(crate) async fn ask(
    pool: PgPool,
    databases: Vec<(String, PgConnectOptions)>,
    contract_index: Arc<ContractIndex>,
) {
    if databases.is_empty() {
        return;
    }
    loop {
        match timeout(PATIENCE, round(&pool, &databases, &contract_index)).await {
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
    let sagas = late.keys().copied().collect();
    let wanted = SagaQuery { sagas: Some(sagas), limit: late.len(), ..SagaQuery::default() };
    let listed = sagas::list(contract_index.system(), databases, &wanted).await;
    // A service with an unreadable ledger may have work to do.
    if !listed.away.is_empty() {
        return Ok(());
    }
    let closed = listed.sagas.iter().filter(|one| !one.state.is_open());
    let over: Vec<late::EndedSaga> = closed
        .filter_map(|one| Some((one.saga, *late.get(&one.saga)?, one.state.as_str())))
        .collect();
    late::keep(pool, &over).await
}
