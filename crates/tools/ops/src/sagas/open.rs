//! Finds the sagas that are open.

use ballet_core::{System, id};
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::audit::ledger::RowsByService;
use crate::audit::window::next_window;
use crate::databases::ServiceDatabases;
use crate::sagas::explain::Explainer;
use crate::sagas::repeated_reads;
use crate::sagas::saga_state::SagaWait;
use crate::sagas::service_state::states;

/// A saga that is open, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSaga {
    /// Its id.
    pub saga: Uuid,
    /// When it began.
    pub began: Timestamp,
    /// The version of each saga with this id, if that saga has several.
    pub versions: Vec<(&'static str, u32)>,
    /// The causes of its waiting, the oldest first.
    pub waits: Vec<SagaWait>,
    /// When the owner aborts it if still undecided.
    pub deadline: Option<Timestamp>,
}

/// The sagas that are open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenSagas {
    /// The sagas, the oldest first.
    pub sagas: Vec<OpenSaga>,
    /// The databases that could not be read, and why. Sagas waiting in their services are missing.
    pub away: Vec<String>,
}

/// Finds the open sagas that began more than `older_than` ago. A saga is open while a service has something to do for
/// it, and not once it is decided, completed or compensated everywhere.
///
/// `databases` has each service's database.
pub async fn open(
    system: &System,
    databases: &[(String, PgConnectOptions)],
    older_than: SignedDuration,
) -> OpenSagas {
    let mut sources = ServiceDatabases::open(databases).await;
    let states = states(&mut sources).await;
    let explainer = Explainer::new(system, &states);
    let now = explainer.now();
    let mut without_rows = explainer.known();
    let mut sagas = Vec::new();
    let mut after = None;
    let judge = |explainer: &Explainer<'_>, saga: Uuid, rows: &RowsByService<'_>| {
        let open = explain_saga(explainer, saga, rows);
        (open.is_some(), open)
    };
    loop {
        let (window, upper) = next_window(&mut sources, after).await;
        without_rows.retain(|saga| !window.contains_key(saga));
        let judged = repeated_reads::judge(&mut sources, system, &states, window, judge).await;
        sagas.extend(judged.into_values().flatten());
        if upper.is_none() {
            break;
        }
        after = upper;
    }
    // Their messages failed before any step.
    let without_rows = without_rows.into_iter().map(|saga| (saga, RowsByService::new())).collect();
    let judged = repeated_reads::judge(&mut sources, system, &states, without_rows, judge).await;
    sagas.extend(judged.into_values().flatten());
    sagas.retain(|saga| now.is_some_and(|now| now.duration_since(saga.began) >= older_than));
    sagas.sort_by_key(|saga| (saga.began, saga.saga));
    let away = sources.why_away();
    sources.close().await;
    OpenSagas { sagas, away }
}

/// Returns `None` if nothing is left to do.
fn explain_saga(
    explainer: &Explainer<'_>,
    saga: Uuid,
    rows: &RowsByService<'_>,
) -> Option<OpenSaga> {
    let waits = explainer.waits(saga, rows);
    let first = waits.first()?.since;
    let recorded = rows.values().flatten().map(|row| row.recorded_at).min();
    let began = id::time_of(saga).or(recorded).unwrap_or(first);
    let deadline = explainer.deadline(saga);
    Some(OpenSaga { saga, began, versions: explainer.versions(rows), waits, deadline })
}
