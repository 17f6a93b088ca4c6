//! The ledgers of all services, read some thousand sagas at a time.

use std::collections::BTreeMap;

use ballet_store::ledger::recorded_rows::{SagaSelection, of_sagas, window};
use uuid::Uuid;

use crate::audit::ledger::RowsByService;
use crate::databases::{ServiceDatabase, ServiceDatabases, read_in_time};

/// The number of sagas that are judged at a time.
const SAGAS: i64 = 5_000;

/// Reads the rows of the sagas after this one, and returns them with the last saga of the window. That is `None` if
/// the window holds all remaining sagas.
pub(crate) async fn next_window<'a>(
    sources: &mut ServiceDatabases<'a>,
    after: Option<Uuid>,
) -> (BTreeMap<Uuid, RowsByService<'a>>, Option<Uuid>) {
    let (mut upper, mut lost) = (None, Vec::new());
    for ServiceDatabase { service, options, db } in &mut sources.open {
        match read_in_time(&[*options], window(db, after, SAGAS)).await {
            Ok(end) => {
                upper = match (upper, end) {
                    (Some(one), Some(other)) => Some(std::cmp::min::<Uuid>(one, other)),
                    (one, other) => one.or(other),
                };
            }
            Err(why) => lost.push((*service, why)),
        }
    }
    let rows = rows(sources, SagaSelection::Between(after, upper)).await;
    sources.lose_all(lost);
    (rows, upper)
}

/// Reads the rows of these sagas, by saga and service.
pub(crate) async fn rows<'a>(
    sources: &mut ServiceDatabases<'a>,
    wanted: SagaSelection<'_>,
) -> BTreeMap<Uuid, RowsByService<'a>> {
    let (mut sagas, mut lost) = (BTreeMap::<Uuid, RowsByService<'a>>::new(), Vec::new());
    for ServiceDatabase { service, options, db } in &mut sources.open {
        match read_in_time(&[*options], of_sagas(db, wanted)).await {
            Ok(rows) => {
                for (saga, row) in rows {
                    sagas.entry(saga).or_default().entry(*service).or_default().push(row);
                }
            }
            Err(why) => lost.push((*service, why)),
        }
    }
    sources.lose_all(lost);
    sagas
}
