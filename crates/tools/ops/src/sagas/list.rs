//! The list of a system's sagas, the latest first, and of those that are open, the oldest first.

use std::collections::BTreeSet;
use std::mem;

use ballet_core::{System, id};
use ballet_store::ledger::recorded_rows::{RecordedRow, SagaSelection, before};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::audit::ledger::{RowsByService, is_aborted, published};
use crate::audit::window::{next_window, rows};
use crate::databases::{ServiceDatabase, ServiceDatabases};
use crate::sagas::explain::Explainer;
use crate::sagas::repeated_reads;
use crate::sagas::saga_state::{PATIENCE, PressingWait, SagaState, SagaWait};
use crate::sagas::service_state::states;
use crate::standing::hindrance::Hindrance;

const PAGE: u16 = 500;

/// The criteria for the sagas that are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SagaQuery {
    /// Only sagas with this text or number as a value in an event that a service published for them, such as an order's
    /// id or an email address.
    pub value: Option<String>,
    /// Only these sagas.
    pub sagas: Option<BTreeSet<Uuid>>,
    /// Only sagas in these states.
    pub states: Option<BTreeSet<SagaState>>,
    /// What hinders sagas now.
    pub hindrances: Vec<Hindrance>,
    /// Only sagas after this one in the list.
    pub after: Option<Uuid>,
    /// The maximum number of sagas to list.
    pub limit: usize,
}

/// A saga of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSaga {
    /// Its id.
    pub saga: Uuid,
    /// When it began.
    pub began: Timestamp,
    /// Its state.
    pub state: SagaState,
    /// The hindrance, if it is blocked.
    pub hindered_by: Option<Hindrance>,
    /// The last published event, and when it was recorded.
    pub last: Option<(String, Timestamp)>,
    /// The version of each saga with this id, if that saga has several.
    pub versions: Vec<(&'static str, u32)>,
    /// The causes of its waiting, the oldest first.
    pub waits: Vec<SagaWait>,
}

/// A page of sagas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedSagas {
    /// The sagas. [`list`] has them in descending order of ids: UUIDv7 puts the latest first.
    pub sagas: Vec<ListedSaga>,
    /// Whether there are more.
    pub has_more: bool,
    /// The databases that could not be read, and why.
    pub away: Vec<String>,
}

/// Lists the sagas that have rows in a ledger.
///
/// `databases` has each service's database.
pub async fn list(
    system: &System,
    databases: &[(String, PgConnectOptions)],
    wanted: &SagaQuery,
) -> ListedSagas {
    let mut sources = ServiceDatabases::open(databases).await;
    let states = states(&mut sources).await;
    let mut listed = ListedSagas::default();
    let mut after = wanted.after;
    'pages: loop {
        let ids = page(&mut sources, after, wanted).await;
        let mut rows = rows(&mut sources, SagaSelection::These(&ids)).await;
        rows.retain(|saga, _| wanted.sagas.as_ref().is_none_or(|sagas| sagas.contains(saga)));
        let judge = |explainer: &Explainer<'_>, saga: Uuid, rows: &RowsByService<'_>| {
            let one = judge_saga(system, explainer, saga, rows, &wanted.hindrances);
            (one.state.is_open(), one)
        };
        let mut judged = repeated_reads::judge(&mut sources, system, &states, rows, judge).await;
        for saga in &ids {
            let Some(one) = judged.remove(saga) else { continue };
            if wanted.states.as_ref().is_some_and(|states| !states.contains(&one.state)) {
                continue;
            }
            if listed.sagas.len() == wanted.limit {
                listed.has_more = true;
                break 'pages;
            }
            listed.sagas.push(one);
        }
        match ids.last() {
            Some(last) if ids.len() == usize::from(PAGE) => after = Some(*last),
            _ => break,
        }
    }
    listed.away = sources.why_away();
    sources.close().await;
    listed
}

/// Finds the open sagas, also those without rows: their messages failed before any step.
///
/// `databases` has each service's database.
pub async fn open(
    system: &System,
    databases: &[(String, PgConnectOptions)],
    hindrances: &[Hindrance],
) -> ListedSagas {
    let mut sources = ServiceDatabases::open(databases).await;
    let states = states(&mut sources).await;
    let mut without_rows = Explainer::new(system, &states).known();
    let mut listed = ListedSagas::default();
    let mut after = None;
    loop {
        let (mut rows, upper) = next_window(&mut sources, after).await;
        without_rows.retain(|saga| !rows.contains_key(saga));
        if upper.is_none() {
            let failed = mem::take(&mut without_rows).into_iter();
            rows.extend(failed.map(|saga| (saga, RowsByService::new())));
        }
        let judge = |explainer: &Explainer<'_>, saga: Uuid, rows: &RowsByService<'_>| {
            let one = judge_saga(system, explainer, saga, rows, hindrances);
            (one.state.is_open(), one)
        };
        let judged = repeated_reads::judge(&mut sources, system, &states, rows, judge).await;
        listed.sagas.extend(judged.into_values().filter(|one| one.state.is_open()));
        if upper.is_none() {
            break;
        }
        after = upper;
    }
    listed.sagas.sort_by_key(|one| (one.began, one.saga));
    listed.away = sources.why_away();
    sources.close().await;
    listed
}

async fn page(
    sources: &mut ServiceDatabases<'_>,
    after: Option<Uuid>,
    wanted: &SagaQuery,
) -> Vec<Uuid> {
    let value = wanted.value.as_deref();
    if let (Some(sagas), None) = (&wanted.sagas, value) {
        let comes = |saga: &&Uuid| after.is_none_or(|after| **saga < after);
        return sagas.iter().rev().filter(comes).take(usize::from(PAGE)).copied().collect();
    }
    let mut ids = BTreeSet::new();
    for ServiceDatabase { server, db, .. } in sources.each() {
        ids.extend(server.read(ids_after(db, after, value)).await.into_iter().flatten());
    }
    ids.into_iter().rev().take(usize::from(PAGE)).collect()
}

async fn ids_after(
    db: &mut PgConnection,
    after: Option<Uuid>,
    value: Option<&str>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let text = value.map(|value| Value::from(value).to_string());
    let number = value.and_then(number);
    before(db, after, i64::from(PAGE), text.as_deref(), number.as_deref()).await
}

/// Matches a number as a whole value of a JSON text.
fn number(value: &str) -> Option<String> {
    let is_number = serde_json::from_str::<Value>(value).is_ok_and(|value| value.is_number());
    is_number.then(|| format!("[:,[] *{} *[],}}]", value.replace('.', "[.]").replace('+', "[+]")))
}

fn judge_saga(
    system: &System,
    explainer: &Explainer<'_>,
    saga: Uuid,
    rows: &RowsByService<'_>,
    hindrances: &[Hindrance],
) -> ListedSaga {
    let waits = explainer.waits(saga, rows);
    let parts = || system.parts.iter().filter_map(|part| Some((part, rows.get(part.service)?)));
    let pressing = PressingWait::of(&waits, explainer.deadline(saga), PATIENCE);
    let (state, hindered_by) = if let Some(pressing) = pressing {
        pressing.state(hindrances, explainer.now().unwrap_or_default())
    } else if parts().any(|(part, rows)| is_aborted(part, rows)) {
        (SagaState::Aborted, None)
    } else {
        (SagaState::Completed, None)
    };
    let hindered_by = hindered_by.cloned();
    let events = parts().flat_map(|(part, rows)| published(part, rows));
    let last: Option<&RecordedRow> = events.max_by_key(|row| row.recorded_at);
    let first = rows.values().flatten().map(|row| row.recorded_at).min();
    let since = waits.first().map(|wait| wait.since);
    ListedSaga {
        saga,
        began: id::time_of(saga).or(first).or(since).unwrap_or_default(),
        state,
        hindered_by,
        last: last.and_then(|row| Some((row.event_type.clone()?, row.recorded_at))),
        versions: explainer.versions(rows),
        waits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_looked_for_as_a_whole_value() {
        assert_eq!(number("19.5").as_deref(), Some("[:,[] *19[.]5 *[],}]"));
        assert_eq!(number("order 7"), None);
        assert_eq!(number("\"7\""), None);
    }
}
