//! Reads moving sagas until two looks are alike. The databases have no common snapshot: while they are read in turn, a
//! service may act on an event that another published before.

use std::collections::BTreeMap;

use ballet_core::System;
use ballet_store::ledger::recorded_rows::SagaSelection;
use uuid::Uuid;

use crate::audit::ledger::RowsByService;
use crate::audit::window::rows;
use crate::databases::ServiceDatabases;
use crate::sagas::explain::Explainer;
use crate::sagas::service_state::{ServiceState, states};

/// The maximum number of looks at a saga.
pub(crate) const MOST: usize = 4;

/// Judges each saga by rows and states of one moment. `judge` returns whether the saga is open, and a result.
///
/// A ledger only grows. So rows that are the same in two looks were the same between them, when the states were read,
/// and rows of different moments never look like a finished saga. A saga that moves on in each look is judged by the
/// last.
pub(crate) async fn judge<'a, T>(
    sources: &mut ServiceDatabases<'a>,
    system: &System,
    first: &BTreeMap<&'a str, ServiceState>,
    first_rows: BTreeMap<Uuid, RowsByService<'a>>,
    judge: impl Fn(&Explainer<'_>, Uuid, &RowsByService<'a>) -> (bool, T),
) -> BTreeMap<Uuid, T> {
    let mut judged = BTreeMap::new();
    let mut latest: Option<BTreeMap<&'a str, ServiceState>> = None;
    // Each saga with whether its rows have stayed the same.
    let mut seen: Vec<_> =
        first_rows.into_iter().map(|(saga, of_saga)| (saga, of_saga, false)).collect();
    for look in 1..=MOST {
        let explainer = Explainer::new(system, latest.as_ref().unwrap_or(first));
        let mut open = BTreeMap::new();
        for (saga, of_saga, is_same) in seen {
            let (is_open, one) = judge(&explainer, saga, &of_saga);
            judged.insert(saga, one);
            if is_open && !is_same {
                open.insert(saga, of_saga);
            }
        }
        if open.is_empty() || look == MOST {
            break;
        }
        let ids: Vec<Uuid> = open.keys().copied().collect();
        latest = Some(states(sources).await);
        let mut now = rows(sources, SagaSelection::These(&ids)).await;
        let again = open.into_iter().map(|(saga, before)| {
            let of_saga = now.remove(&saga).unwrap_or_default();
            let is_same = of_saga == before;
            (saga, of_saga, is_same)
        });
        seen = again.collect();
    }
    judged
}
