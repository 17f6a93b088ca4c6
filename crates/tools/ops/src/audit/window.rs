//! The ledgers of all services, some thousand sagas at a time.

use std::collections::BTreeMap;

use ballet_store::ledger::recorded_rows::{SagaSelection, of_sagas, window};
use uuid::Uuid;

use crate::audit::ledger::RowsByService;
use crate::databases::{ServiceDatabase, ServiceDatabases};

const SAGAS: i64 = 5_000;

/// Reads the rows of the sagas after this one. Also returns the last saga of the window, or `None` if no saga remains.
pub(crate) async fn next_window<'a>(
    sources: &mut ServiceDatabases<'a>,
    after: Option<Uuid>,
) -> (BTreeMap<Uuid, RowsByService<'a>>, Option<Uuid>) {
    let mut upper: Option<Uuid> = None;
    for ServiceDatabase { server, db, .. } in sources.each() {
        let end = server.read(window(db, after, SAGAS)).await.flatten();
        upper = upper.into_iter().chain(end).min();
    }
    (rows(sources, SagaSelection::Between(after, upper)).await, upper)
}

pub(crate) async fn rows<'a>(
    sources: &mut ServiceDatabases<'a>,
    wanted: SagaSelection<'_>,
) -> BTreeMap<Uuid, RowsByService<'a>> {
    let mut sagas = BTreeMap::<Uuid, RowsByService<'a>>::new();
    for ServiceDatabase { service, server, db } in sources.each() {
        for (saga, row) in server.read(of_sagas(db, wanted)).await.into_iter().flatten() {
            sagas.entry(saga).or_default().entry(*service).or_default().push(row);
        }
    }
    sagas
}
