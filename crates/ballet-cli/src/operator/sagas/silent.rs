//! What waits for services without a living process.

use std::collections::HashSet;

use anyhow::Result;
use ballet_ops::sagas::{self, OpenSaga};
use jiff::SignedDuration;

use crate::base::options::GlobalOptions;
use crate::base::systems::{services, systems};
use crate::operator::sagas::waiting::{SILENT, Waiting};

/// Adds what waits for these services, unless they have given another reason.
pub(super) async fn add_silent(
    silent: &[String],
    options: &GlobalOptions,
    all: &mut Vec<Waiting>,
) -> Result<()> {
    // All databases: what a service has not done is what others have asked of it.
    let databases = options.databases(&services())?;
    let listed = all.iter().map(|waiting| (waiting.saga.clone(), waiting.service.clone()));
    let mut listed: HashSet<(String, String)> = listed.collect();
    for system in systems() {
        let open = sagas::open(&system, &databases, SignedDuration::ZERO).await;
        for OpenSaga { saga, waits, .. } in open.sagas {
            let saga = saga.to_string();
            for wait in waits.into_iter().filter(|wait| silent.contains(&wait.service)) {
                if !listed.insert((saga.clone(), wait.service.clone())) {
                    continue;
                }
                all.push(Waiting {
                    saga: saga.clone(),
                    service: wait.service,
                    what: wait.event_type,
                    since: Some(wait.since),
                    reason: SILENT.to_owned(),
                    detail: wait.why,
                    ..Waiting::default()
                });
            }
        }
    }
    Ok(())
}
