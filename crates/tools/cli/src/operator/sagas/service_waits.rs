//! Stuck sagas in a service's own tables.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use ballet::MessageId;
use ballet_store::dead_events::{self, DeadEvent, DeadEventFilter};
use ballet_store::inbox::stuck::{self, StuckEntry, StuckKind};
use sqlx::{Connection, Executor};

use crate::base::options::GlobalOptions;
use crate::operator::sagas::stuck_saga::{StuckSaga, UNPUBLISHABLE};

const MOST: u32 = 100_000;

#[derive(Debug, Default)]
pub(super) struct ServiceWaits {
    pub(super) waiting: Vec<StuckSaga>,
    pub(super) messages: HashSet<MessageId>,
    /// Further events that it could not publish: without a waiting saga, or beyond the limit.
    pub(super) more_unpublished: usize,
}

/// Reads the waits if the database is known, with at most `limit` of the unpublished events, which have bodies.
pub(super) async fn read_waits(
    service: &str,
    options: &GlobalOptions,
    limit: usize,
) -> Result<Option<ServiceWaits>> {
    let Some(mut db) = options.connect(service).await? else { return Ok(None) };
    let limit = u32::try_from(limit).unwrap_or(MOST);
    let read = async {
        // The findings name a locked table.
        db.execute("set lock_timeout = '3s'").await?;
        let stuck = stuck::list(&mut db, MOST).await?;
        let unpublished = dead_events::list(&mut db, &DeadEventFilter::default(), limit).await?;
        let whole = dead_events::count(&mut db, &DeadEventFilter::default()).await?;
        db.close().await?;
        Ok::<_, sqlx::Error>(in_sagas(service, stuck, unpublished, whole))
    };
    Ok(Some(read.await.with_context(|| format!("the database of {service}"))?))
}

fn in_sagas(
    service: &str,
    stuck: Vec<StuckEntry>,
    unpublished: Vec<DeadEvent>,
    whole: i64,
) -> ServiceWaits {
    let mut noted = ServiceWaits::default();
    for stuck in stuck {
        let is_deadline = stuck.is_deadline();
        let StuckEntry { saga_id, what, handler, reason, detail, attempts, since, next_at } = stuck;
        let (what, message) = match what {
            StuckKind::Message { message_id, event_type } => {
                noted.messages.insert(message_id);
                (event_type, Some(message_id).filter(|_| !is_deadline))
            }
            StuckKind::Call { undo: false, .. } => ("a call".to_owned(), None),
            StuckKind::Call { undo: true, .. } => ("an undo's call".to_owned(), None),
        };
        let Some(saga) = saga_id else { continue };
        noted.waiting.push(StuckSaga {
            saga: saga.to_string(),
            service: service.to_owned(),
            step: Some(handler),
            what: Some(what),
            since: Some(since),
            next_at,
            reason,
            detail: Some(detail),
            attempts: u64::from(attempts),
            message,
        });
    }
    let mut listed = 0;
    for DeadEvent { saga_id, event_type, created_at, reason, .. } in unpublished {
        let Some(saga) = saga_id else { continue };
        listed += 1;
        noted.waiting.push(StuckSaga {
            saga: saga.to_string(),
            service: service.to_owned(),
            what: event_type,
            since: Some(created_at),
            reason: UNPUBLISHABLE.to_owned(),
            detail: Some(reason),
            ..StuckSaga::default()
        });
    }
    noted.more_unpublished = usize::try_from(whole).unwrap_or_default().saturating_sub(listed);
    noted
}
