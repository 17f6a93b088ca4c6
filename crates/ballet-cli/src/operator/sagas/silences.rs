//! The waits for services without a living process.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use ballet_ops::sagas::{self, OpenSaga};
use ballet_store::inbox::stuck::CALL_WAITS;
use jiff::{SignedDuration, Timestamp};

use crate::base::options::GlobalOptions;
use crate::base::systems::{services, system};
use crate::operator::sagas::stuck_saga::{SILENT, StuckSaga};

/// A sentence for each service without a living process.
pub(super) type Silences = BTreeMap<String, String>;

/// Marks the waits that are due in these services: no process will go on with them.
pub(super) fn mark_silent(silent: &Silences, now: Timestamp, all: &mut [StuckSaga]) {
    for waiting in all {
        let Some(silence) = silent.get(&waiting.service) else { continue };
        let is_due = waiting.next_at.is_some_and(|next_at| next_at < now);
        if waiting.reason == CALL_WAITS {
            waiting.detail = Some(silence.clone());
        } else if is_due {
            let before = waiting.detail.take().unwrap_or_default();
            waiting.detail = Some(format!("{silence}. Before that: {before}"));
        } else {
            continue;
        }
        (waiting.reason, waiting.next_at) = (SILENT.to_owned(), None);
    }
}

/// Adds the sagas that wait for these services, unless they are listed for another reason.
pub(super) async fn add_silent(
    silent: &Silences,
    options: &GlobalOptions,
    all: &mut Vec<StuckSaga>,
) -> Result<()> {
    // All databases: the work that a service has not done is recorded where other services ask for it.
    let databases = options.databases(&services()?)?;
    let listed = all.iter().map(|waiting| (waiting.saga.clone(), waiting.service.clone()));
    let mut listed: HashSet<(String, String)> = listed.collect();
    let open = sagas::open(system()?, &databases, SignedDuration::ZERO).await;
    for OpenSaga { saga, waits, .. } in open.sagas {
        let saga = saga.to_string();
        for wait in waits.into_iter().filter(|wait| silent.contains_key(&wait.service)) {
            if !listed.insert((saga.clone(), wait.service.clone())) {
                continue;
            }
            all.push(StuckSaga {
                saga: saga.clone(),
                service: wait.service,
                what: wait.event_type,
                since: Some(wait.since),
                reason: SILENT.to_owned(),
                detail: wait.why,
                ..StuckSaga::default()
            });
        }
    }
    Ok(())
}
