//! Sagas that wait for an idle service: the message on which it should act is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use ballet_core::{Cause, System};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use tokio::time::timeout;
use uuid::Uuid;

use crate::doctor::queues::count;
use crate::sagas::open::{OpenSaga, open};
use crate::sagas::saga_state::SagaWait;
use crate::standing::finding::Finding;
use crate::standing::lost::resend_command;
use crate::words::acting;

/// The longest time that a message is on its way.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(1);
const PATIENCE: Duration = Duration::from_secs(15);

/// Finds sagas whose messages are in no queue. `queues` is the management API's list, if there is one. A message that was
/// published less than a minute ago may be on its way.
pub async fn check(
    system: &System,
    databases: &[(String, PgConnectOptions)],
    queues: Option<&[Value]>,
    now: Timestamp,
) -> Vec<Finding> {
    let Ok(open) = timeout(PATIENCE, open(system, databases, ON_ITS_WAY)).await else {
        let found = format!(
            "which sagas are open was not read to its end in {} s: so it is while very many are, or a database is busy",
            PATIENCE.as_secs()
        );
        let advice =
            "look again when fewer wait, or with `ballet sagas open`, which takes its time";
        return vec![Finding::unknown(Cause::Undecided, "the databases", &found, advice)];
    };
    let mut lost: BTreeMap<&str, Vec<(Uuid, &SagaWait)>> = BTreeMap::new();
    let mut undecided = 0;
    for OpenSaga { saga, waits, .. } in &open.sagas {
        for wait in waits {
            let nobody_tries = !wait.is_silent && !wait.is_dead && wait.next_at.is_none();
            match &wait.event_type {
                _ if !nobody_tries => {}
                None => undecided += 1,
                // A saga is long on its way; its next message may be of this moment.
                Some(_)
                    if wait.why.is_none()
                        && now.duration_since(wait.since) > ON_ITS_WAY
                        && is_idle(queues, &wait.service) =>
                {
                    lost.entry(&wait.service).or_default().push((*saga, wait));
                }
                Some(_) => {}
            }
        }
    }
    let mut findings: Vec<Finding> =
        lost.into_iter().filter_map(|(service, waits)| finding(service, &waits)).collect();
    if undecided > 0 {
        let found = format!(
            "{} for a decision, more than a minute after they began",
            acting(undecided, "saga", "wait")
        );
        let advice = "`ballet sagas open` lists them with what is missing";
        findings.push(Finding::warning(Cause::Undecided, "the databases", &found, advice));
    }
    findings
}

/// Whether the broker has no message for a service, and the service holds none.
pub(super) fn is_idle(queues: Option<&[Value]>, service: &str) -> bool {
    let of_service = |queue: &&Value| queue["name"] == service;
    let queue = queues.and_then(|queues| queues.iter().find(of_service));
    queue.is_some_and(|queue| count(&queue["messages"]) == 0)
}

fn finding(service: &str, waits: &[(Uuid, &SagaWait)]) -> Option<Finding> {
    let (_, first) = waits.iter().min_by_key(|(_, wait)| wait.since)?;
    let sagas = acting(waits.len(), "saga", "wait");
    let found =
        format!("{sagas} for it, and its queue is empty: it {}. The message is lost", first.what);
    let advice = format!("send it again with `{}`", resend_command(service, first.since));
    let mut lost = Finding::bad(Cause::Lost, service, &found, &advice).since(first.since);
    lost.sagas = waits.iter().map(|(saga, _)| *saga).collect();
    Some(lost)
}
