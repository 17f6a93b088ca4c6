//! Messages that failed and wait nowhere any more: somebody purged the queue of dead letters, or a retry queue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet_ops::redrive::DeadLetters;
use ballet_store::inbox::stuck::{self, StuckEntry, StuckKind};
use ballet_store::waiting;
use serde_json::Value;
use sqlx::Connection;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::base::options::GlobalOptions;
use crate::base::ui;
use crate::operator::doctor::finding::Finding;
use crate::operator::doctor::waiting_sagas::is_idle;
use crate::operator::lost_messages::{is_overdue, published_at, resend_command};

/// Longer than the age of queue counts (five seconds) and the way of a message between two queues.
const A_WHILE: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(15);
/// The most messages of a service that are looked at.
const MOST: u32 = 10_000;

pub(super) async fn check(
    service: &str,
    queues: Option<&[Value]>,
    options: &GlobalOptions,
) -> Option<Finding> {
    // The service may be about to handle the messages in its queue.
    if !is_idle(queues, service) {
        return None;
    }
    let asked = timeout(PATIENCE, async {
        let first = look(service, options).await?;
        if first.is_empty() {
            return Ok(first);
        }
        sleep(A_WHILE).await;
        let ids: BTreeSet<Uuid> = first.iter().filter_map(id).collect();
        let again = look(service, options).await?;
        Ok::<_, anyhow::Error>(
            again.into_iter().filter(|one| id(one).is_some_and(|id| ids.contains(&id))).collect(),
        )
    });
    let lost: Vec<StuckEntry> = match asked.await {
        Ok(Ok(lost)) => lost,
        // Other checks report a database or a broker that does not answer.
        Ok(Err(_)) => return None,
        Err(_) => {
            let found =
                format!("whether it has lost messages is not known after {} s", PATIENCE.as_secs());
            let advice = format!("look with `{} sagas stuck --service {service}`", ui::ballet());
            return Some(Finding::unknown("lost", service, &found, &advice));
        }
    };
    let first = lost.iter().map(published_at).min()?;
    let waits = ui::acting(lost.len(), "failed message", "wait");
    let found = format!(
        "{waits} nowhere any more: somebody purged the queue of dead letters, or a retry queue"
    );
    let advice =
        format!("send again what the journal has with `{}`", resend_command(service, first));
    Some(Finding::bad("lost", service, &found, &advice))
}

fn id(stuck: &StuckEntry) -> Option<Uuid> {
    match &stuck.what {
        StuckKind::Message { message_id, .. } if !stuck.is_deadline() => Some(message_id.0),
        StuckKind::Message { .. } | StuckKind::Call { .. } => None,
    }
}

/// The messages that are neither dead letters nor about to be tried again, the oldest first.
async fn look(service: &str, options: &GlobalOptions) -> Result<Vec<StuckEntry>> {
    let Some(mut db) = options.connect(service).await? else { return Ok(Vec::new()) };
    let noted = stuck::list(&mut db, MOST).await?;
    // Copies that the broker has not taken yet are dead letters, too.
    let unsent = waiting::outbox(&mut db).await?.copies.count;
    db.close().await?;
    let (mut dead, waits): (Vec<StuckEntry>, Vec<StuckEntry>) = noted
        .into_iter()
        .filter(|one| id(one).is_some() && one.sent_back_at.is_none())
        .partition(|one| one.next_at.is_none());
    let mut lost = Vec::new();
    if !dead.is_empty() && unsent == 0 {
        let queue = DeadLetters::on(Arc::clone(&options.broker()?), service).status().await?;
        // Only reading the queue would show which of them are gone. Nobody knows what another reader holds.
        let there = usize::try_from(queue.dead_letters).unwrap_or(usize::MAX);
        if queue.readers == 0 && there < dead.len() {
            dead.truncate(dead.len() - there);
            lost.extend(dead);
        }
    }
    let now = options.clock.now();
    lost.extend(waits.into_iter().filter(|one| is_overdue(one.next_at, now)));
    Ok(lost)
}
