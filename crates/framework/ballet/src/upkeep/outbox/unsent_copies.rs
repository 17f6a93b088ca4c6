//! Publishes the copies that the broker did not take at first.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{PublishError, PublisherHandle, jittered};
use ballet_store::outbox::unsent_copies;
use ballet_store::outbox::unsent_copies::{RefusedCopy, UnsentCopy};
use futures_util::future::join_all;
use sqlx::PgPool;
use uuid::Uuid;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::engine::engine::Engine;
use crate::engine::stopping::{stopped, waited};
use crate::lane::dead_letters::copies;
use crate::upkeep::failure_log;

const EVERY: Duration = Duration::from_secs(5);
/// Copies may be as big as the broker allows.
const PORTION: i64 = 10;
/// Two of them, one after the other, are shorter than a process has a copy to itself.
const ATTEMPT: Duration = Duration::from_secs(25);

pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    while waited(&mut stopping, jittered(EVERY)).await {
        let Some(publisher) = engine.relay.publisher() else { continue };
        tokio::select! {
            swept = sweep(&engine.database.upkeep, publisher) => if let Err(failure) = swept {
                failure_log::waits(&engine.database, "unsent copies wait", &failure);
            },
            () = stopped(&mut stopping) => return,
        }
    }
}

/// Tries all copies that are due, but no more of those for an exchange that takes none.
async fn sweep(pool: &PgPool, publisher: &PublisherHandle) -> Result<(), Failure> {
    let mut closed = Vec::new();
    loop {
        let mut db = answered(pool.acquire()).await?;
        let unsent = answered(unsent_copies::take(&mut db, PORTION, &closed)).await?;
        if unsent.is_empty() {
            return Ok(());
        }
        drop(db);
        let tried = attempt(publisher, unsent, &mut closed).await?;
        let mut db = answered(pool.acquire()).await?;
        answered(unsent_copies::delete(&mut db, &tried.sent)).await?;
        answered(unsent_copies::postpone(&mut db, &tried.untried)).await?;
        for refused in &tried.refused {
            answered(unsent_copies::refuse(&mut db, refused)).await?;
        }
    }
}

/// The outcomes of copies. Those that may have been published wait for the end of their lease.
#[derive(Default)]
struct CopyOutcomes {
    sent: Vec<Uuid>,
    untried: Vec<Uuid>,
    refused: Vec<RefusedCopy>,
}

/// Tries one copy for each exchange, and the others for those that took one.
async fn attempt(
    publisher: &PublisherHandle,
    unsent: Vec<UnsentCopy>,
    closed: &mut Vec<String>,
) -> Result<CopyOutcomes, Failure> {
    let mut tried = CopyOutcomes::default();
    let mut seen = HashSet::new();
    let (first, rest): (Vec<_>, Vec<_>) =
        unsent.into_iter().partition(|UnsentCopy { copy, .. }| seen.insert(copy.exchange.clone()));
    for group in [first, rest] {
        let (open, others): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|unsent| !closed.contains(&unsent.copy.exchange));
        tried.untried.extend(others.into_iter().map(|unsent| unsent.id));
        let attempts = open.into_iter().map(async |UnsentCopy { id, mut copy }| {
            let published = copies::publish(publisher, &mut copy, ATTEMPT).await;
            (id, copy, published)
        });
        for (id, copy, published) in join_all(attempts).await {
            let Err(error) = published else {
                tried.sent.push(id);
                continue;
            };
            // A copy that is refused for its own sake says nothing about the others.
            let is_unpublishable = matches!(error, PublishError::Unpublishable { .. });
            if !is_unpublishable {
                closed.push(copy.exchange);
            }
            if !matches!(error, PublishError::TimedOut { .. } | PublishError::Stopped) {
                let (properties, why) =
                    (unsent_copies::encode(&copy.properties)?, error.to_string());
                tried.refused.push(RefusedCopy { id, properties, why, is_unpublishable });
            }
        }
    }
    Ok(tried)
}
