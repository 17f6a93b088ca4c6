//! The ledgers of all services, read some thousand sagas at a time.

use std::collections::BTreeMap;

use ballet_store::ledger::recorded_rows::{SagaSelection, of_sagas, window};
use uuid::Uuid;

use crate::audit::ledger::Rows;
use crate::databases::{Source, Sources, answered};

/// The number of sagas that are judged at a time.
const SAGAS: i64 = 5_000;

/// The rows of the sagas after this one, up to the last saga of the window. It is `None` if the window
/// holds all that are left.
pub(crate) async fn next_window<'a>(
    sources: &mut Sources<'a>,
    after: Option<Uuid>,
) -> (BTreeMap<Uuid, Rows<'a>>, Option<Uuid>) {
    let (mut upper, mut lost) = (None, Vec::new());
    for Source { service, options, db } in &mut sources.open {
        match answered(&[*options], window(db, after, SAGAS)).await {
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

/// The rows of these sagas, by saga and service.
pub(crate) async fn rows<'a>(
    sources: &mut Sources<'a>,
    wanted: SagaSelection<'_>,
) -> BTreeMap<Uuid, Rows<'a>> {
    let (mut sagas, mut lost) = (BTreeMap::<Uuid, Rows<'a>>::new(), Vec::new());
    for Source { service, options, db } in &mut sources.open {
        match answered(&[*options], of_sagas(db, wanted)).await {
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
