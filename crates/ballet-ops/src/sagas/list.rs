//! The sagas of a system, those that began last first.

use std::collections::BTreeSet;

use ballet_core::{System, id};
use ballet_store::ledger::recorded_rows::{RecordedRow, SagaSelection, before};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::audit::ledger::{Rows, is_aborted, published};
use crate::audit::window::rows;
use crate::databases::{Source, Sources, answered};
use crate::sagas::explain::Explainer;
use crate::sagas::hindrance::Hindrance;
use crate::sagas::looks;
use crate::sagas::saga_state::{PATIENCE, Pressing, SagaState, Wait};
use crate::sagas::state::{hindrances, states};

/// The number of sagas that are looked at together.
const PAGE: u16 = 500;

/// Which sagas are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only those in whose events, as far as services publish them for the saga, a value is this text or
    /// this number: an order's id, an email address.
    pub value: Option<String>,
    /// Only these.
    pub sagas: Option<BTreeSet<Uuid>>,
    /// Only those that stand so.
    pub states: Option<BTreeSet<SagaState>>,
    /// What hinders besides what the services' databases say.
    pub hindrances: Vec<Hindrance>,
    /// Only those that come after this one in the list.
    pub after: Option<Uuid>,
    /// At most this many.
    pub limit: usize,
}

/// A saga of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSaga {
    /// Its id.
    pub saga: Uuid,
    /// When it began.
    pub began: Timestamp,
    /// How it stands.
    pub state: SagaState,
    /// What hinders it, if it is blocked.
    pub hindered_by: Option<Hindrance>,
    /// The event that was published last, and when it was recorded.
    pub last: Option<(String, Timestamp)>,
    /// The version under which it runs, of each saga with this id that has several.
    pub versions: Vec<(&'static str, u32)>,
    /// What it waits for, the oldest first.
    pub waits: Vec<Wait>,
}

/// A page of sagas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedSagas {
    /// By their ids, the last first: for UUIDv7 those that began last come first.
    pub sagas: Vec<ListedSaga>,
    /// Whether there are more.
    pub has_more: bool,
    /// The databases that could not be read, and why.
    pub away: Vec<String>,
}

/// Lists sagas that a service has recorded something of.
///
/// `databases` names each service with its database.
pub async fn list(
    system: &System,
    databases: &[(String, PgConnectOptions)],
    wanted: &Wanted,
) -> ListedSagas {
    let mut sources = Sources::open(databases).await;
    let states = states(&mut sources).await;
    let mut hindrances = hindrances(&states);
    hindrances.extend_from_slice(&wanted.hindrances);
    let mut listed = ListedSagas::default();
    let mut after = wanted.after;
    'pages: loop {
        let ids = page(&mut sources, after, wanted).await;
        let mut rows = rows(&mut sources, SagaSelection::These(&ids)).await;
        rows.retain(|saga, _| wanted.sagas.as_ref().is_none_or(|sagas| sagas.contains(saga)));
        let judge = |explainer: &Explainer<'_>, saga: Uuid, rows: &Rows<'_>| {
            let one = stands(system, explainer, saga, rows, &hindrances);
            (one.state.is_open(), one)
        };
        let mut judged = looks::judge(&mut sources, system, &states, rows, judge).await;
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

/// The ids that come next, of all services, the last first.
async fn page(sources: &mut Sources<'_>, after: Option<Uuid>, wanted: &Wanted) -> Vec<Uuid> {
    let value = wanted.value.as_deref();
    if let (Some(sagas), None) = (&wanted.sagas, value) {
        let comes = |saga: &&Uuid| after.is_none_or(|after| **saga < after);
        return sagas.iter().rev().filter(comes).take(usize::from(PAGE)).copied().collect();
    }
    let (mut ids, mut lost) = (BTreeSet::new(), Vec::new());
    for Source { service, options, db } in &mut sources.open {
        match answered(&[*options], ids_after(db, after, value)).await {
            Ok(found) => ids.extend(found),
            Err(why) => lost.push((*service, why)),
        }
    }
    sources.lose_all(lost);
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

/// A regular expression for a number as a whole value of a JSON text.
fn number(value: &str) -> Option<String> {
    let is_number = serde_json::from_str::<Value>(value).is_ok_and(|value| value.is_number());
    is_number.then(|| format!("[:,[] *{} *[],}}]", value.replace('.', "[.]").replace('+', "[+]")))
}

fn stands(
    system: &System,
    explainer: &Explainer<'_>,
    saga: Uuid,
    rows: &Rows<'_>,
    hindrances: &[Hindrance],
) -> ListedSaga {
    let waits = explainer.waits(saga, rows);
    let parts = || system.parts.iter().filter_map(|part| Some((part, rows.get(part.service)?)));
    let pressing = Pressing::of(&waits, explainer.deadline(saga), PATIENCE);
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
    ListedSaga {
        saga,
        began: id::time_of(saga).or(first).unwrap_or_default(),
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
