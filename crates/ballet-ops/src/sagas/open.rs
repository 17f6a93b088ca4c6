//! The sagas that are open.

use std::collections::BTreeMap;

use ballet_core::{System, id};
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::audit::ledger::Rows;
use crate::audit::window::next_window;
use crate::databases::{Source, Sources, answered};
use crate::sagas::explain::Explainer;
use crate::sagas::state::State;
use crate::sagas::wait::Wait;

/// A saga that is open, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSaga {
    /// Its id.
    pub saga: Uuid,
    /// When it began.
    pub began: Timestamp,
    /// The version under which it runs, of each saga with this id that has several.
    pub versions: Vec<(&'static str, u32)>,
    /// What it waits for, the oldest first.
    pub waits: Vec<Wait>,
}

/// The sagas that are open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenSagas {
    /// Those that began first come first.
    pub sagas: Vec<OpenSaga>,
    /// The databases that could not be read, and why. What waits in their services is not listed.
    pub away: Vec<String>,
}

/// Finds the sagas that are open and began more than `older_than` ago. A saga is open while a service has
/// something to do for it. One that is decided, completed or compensated in all services is not.
///
/// `databases` names each service with its database.
pub async fn open(
    system: &System,
    databases: &[(String, PgConnectOptions)],
    older_than: SignedDuration,
) -> OpenSagas {
    let mut sources = Sources::open(databases).await;
    let states = states(&mut sources).await;
    let explainer = Explainer::new(system, &states);
    let mut without_rows = explainer.known();
    let mut sagas = Vec::new();
    let mut after = None;
    loop {
        let (window, upper) = next_window(&mut sources, after).await;
        for (saga, rows) in &window {
            without_rows.remove(saga);
            sagas.extend(explained(&explainer, *saga, rows));
        }
        if upper.is_none() {
            break;
        }
        after = upper;
    }
    // Their messages failed before any step.
    let none = Rows::new();
    sagas.extend(without_rows.iter().filter_map(|saga| explained(&explainer, *saga, &none)));
    let now = explainer.now();
    sagas.retain(|saga| now.is_some_and(|now| now.duration_since(saga.began) >= older_than));
    sagas.sort_by_key(|saga| (saga.began, saga.saga));
    let away = sources.why_away();
    sources.close().await;
    OpenSagas { sagas, away }
}

/// What each service shows of all its sagas.
pub(crate) async fn states<'a>(sources: &mut Sources<'a>) -> BTreeMap<&'a str, State> {
    let (mut states, mut lost) = (BTreeMap::new(), Vec::new());
    for Source { service, options, db } in &mut sources.open {
        match answered(&[*options], State::read(db)).await {
            Ok(state) => {
                states.insert(*service, state);
            }
            Err(why) => lost.push((*service, why)),
        }
    }
    sources.lose_all(lost);
    states
}

/// The saga with what it waits for, or `None` if nothing is left to do for it.
fn explained(explainer: &Explainer<'_>, saga: Uuid, rows: &Rows<'_>) -> Option<OpenSaga> {
    let waits = explainer.waits(saga, rows);
    let first = waits.first()?.since;
    let recorded = rows.values().flatten().map(|row| row.recorded_at).min();
    let began = id::time_of(saga).or(recorded).unwrap_or(first);
    Some(OpenSaga { saga, began, versions: explainer.versions(rows), waits })
}
