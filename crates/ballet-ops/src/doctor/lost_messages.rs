//! Messages that failed and wait nowhere any more: somebody purged the queue of dead letters, or a retry queue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::Cause;
use ballet_store::inbox::stuck::{self, StuckEntry, StuckKind};
use ballet_store::waiting;
use serde_json::Value;
use sqlx::Connection;
use sqlx::postgres::PgConnectOptions;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::databases::connect_in_time;
use crate::doctor::servers::SystemServers;
use crate::doctor::waiting_sagas::is_idle;
use crate::redrive::dead_letters::DeadLetters;
use crate::standing::finding::Finding;
use crate::standing::lost::{is_overdue, published_at, resend_command};
use crate::words::acting;

/// Longer than the age of queue counts (five seconds) and the way of a message between two queues.
const A_WHILE: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(15);
/// The most messages of a service that are looked at.
const MOST: u32 = 10_000;

pub(super) async fn check(
    servers: &SystemServers,
    (service, options): (&str, &PgConnectOptions),
    queues: Option<&[Value]>,
) -> Option<Finding> {
    // The service may be about to handle the messages in its queue.
    if !is_idle(queues, service) {
        return None;
    }
    let asked = timeout(PATIENCE, async {
        let first = look(servers, service, options).await?;
        if first.is_empty() {
            return Ok(first);
        }
        sleep(A_WHILE).await;
        let ids: BTreeSet<Uuid> = first.iter().filter_map(id).collect();
        let again = look(servers, service, options).await?;
        Ok::<_, String>(
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
            let advice = format!("look with `ballet sagas stuck --service {service}`");
            return Some(Finding::unknown(Cause::Lost, service, &found, &advice));
        }
    };
    let first = lost.iter().map(published_at).min()?;
    let waits = acting(lost.len(), "failed message", "wait");
    let found = format!(
        "{waits} nowhere any more: somebody purged the queue of dead letters, or a retry queue"
    );
    let advice =
        format!("send again what the journal has with `{}`", resend_command(service, first));
    Some(Finding::bad(Cause::Lost, service, &found, &advice).since(first))
}

fn id(stuck: &StuckEntry) -> Option<Uuid> {
    match &stuck.what {
        StuckKind::Message { message_id, .. } if !stuck.is_deadline() => Some(message_id.0),
        StuckKind::Message { .. } | StuckKind::Call { .. } => None,
    }
}

/// The messages that are neither dead letters nor about to be tried again, the oldest first.
async fn look(
    servers: &SystemServers,
    service: &str,
    options: &PgConnectOptions,
) -> Result<Vec<StuckEntry>, String> {
    let mut db = connect_in_time(options).await.map_err(|error| error.to_string())?;
    let noted = stuck::list(&mut db, MOST).await.map_err(|error| error.to_string())?;
    // Copies that the broker has not taken yet are dead letters, too.
    let waits = waiting::outbox(&mut db).await.map_err(|error| error.to_string())?;
    let unsent = waits.copies.count;
    db.close().await.ok();
    let (mut dead, waits): (Vec<StuckEntry>, Vec<StuckEntry>) = noted
        .into_iter()
        .filter(|one| id(one).is_some() && one.sent_back_at.is_none())
        .partition(|one| one.next_at.is_none());
    let mut lost = Vec::new();
    if !dead.is_empty() && unsent == 0 {
        let queue = DeadLetters::on(Arc::clone(&servers.broker), service).status().await;
        let queue = queue.map_err(|error| error.to_string())?;
        // Only reading the queue would show which of them are gone. Nobody knows what another reader holds.
        let there = usize::try_from(queue.dead_letters).unwrap_or(usize::MAX);
        if queue.readers == 0 && there < dead.len() {
            dead.truncate(dead.len() - there);
            lost.extend(dead);
        }
    }
    let now = servers.clock.now();
    lost.extend(waits.into_iter().filter(|one| is_overdue(one.next_at, now)));
    Ok(lost)
}
