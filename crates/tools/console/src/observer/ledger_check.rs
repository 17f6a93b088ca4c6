//! Asks ledgers about late sagas: a service may compensate without an event, so such a saga may be over, and one over
//! by the journal may wait for a call.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ballet_ops::sagas::{self, SagaQuery};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::contract_index::ContractIndex;
use crate::observer::system_findings::SystemFindings;
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
    found: watch::Receiver<SystemFindings>,
) {
    if databases.is_empty() {
        return;
    }
    loop {
        let calling = found.borrow().calling();
        match timeout(PATIENCE, round(&pool, &databases, &contract_index, calling)).await {
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
    calling: BTreeSet<Uuid>,
) -> Result<(), sqlx::Error> {
    let late = late::next(pool, MOST).await?;
    // A service may wait for a call's answer.
    let ended = late::ended_among(pool, calling, MOST).await?;
    let asked: BTreeSet<Uuid> = late.keys().chain(ended.keys()).copied().collect();
    if asked.is_empty() {
        return Ok(());
    }
    let limit = asked.len();
    let wanted = SagaQuery { sagas: Some(asked), limit, ..SagaQuery::default() };
    let listed = sagas::list(contract_index.system(), databases, &wanted).await;
    // A service with an unreadable ledger may have work to do.
    if !listed.away.is_empty() {
        return Ok(());
    }
    let (open, closed): (Vec<_>, Vec<_>) = listed.sagas.iter().partition(|one| one.state.is_open());
    for one in open {
        if let (Some(place), Some(wait)) = (ended.get(&one.saga), one.waits.first()) {
            late::reopen(pool, (one.saga, *place), wait).await?;
        }
    }
    let closed = closed.into_iter();
    let over: Vec<late::EndedSaga> = closed
        .filter_map(|one| Some((one.saga, *late.get(&one.saga)?, one.state.as_str())))
        .collect();
    late::keep(pool, &over).await
}
