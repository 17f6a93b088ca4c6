//! Publishes the copies that the broker did not take at first.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{PublishError, PublisherHandle, jittered};
use futures_util::future::join_all;

use crate::declare::failure::Failure;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::tables::database::answered;
use crate::tables::unsent_copies::{self, Unsent};

const EVERY: Duration = Duration::from_secs(5);
/// Copies may be as big as the broker allows.
const PORTION: i64 = 10;
/// A process has a copy to itself for a little longer.
const ATTEMPT: Duration = Duration::from_secs(45);

/// Publishes unsent copies until the service stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    loop {
        tokio::select! {
            () = tokio::time::sleep(jittered(EVERY)) => {}
            () = stopped(&mut stopping) => return,
        }
        let Some(publisher) = engine.relay.publisher() else { continue };
        tokio::select! {
            swept = sweep(&engine, publisher) => if let Err(failure) = swept {
                tracing::warn!("unsent copies wait: {failure}");
            },
            () = stopped(&mut stopping) => return,
        }
    }
}

async fn sweep(engine: &Engine, publisher: &PublisherHandle) -> Result<(), Failure> {
    loop {
        let mut db = answered(engine.pool.acquire()).await?;
        let unsent = answered(unsent_copies::take(&mut db, PORTION)).await?;
        drop(db);
        let (mut sent, mut refused) = (Vec::new(), Vec::new());
        // One of a kind goes first: where a queue is full, the others need not try.
        let mut seen = HashSet::new();
        let (first, rest): (Vec<_>, Vec<_>) =
            unsent.into_iter().partition(|Unsent { copy, .. }| seen.insert(copy.exchange.clone()));
        let mut full = HashSet::new();
        for group in [first, rest] {
            let (open, closed): (Vec<_>, Vec<_>) =
                group.into_iter().partition(|unsent| !full.contains(&unsent.copy.exchange));
            refused.extend(closed.into_iter().map(|unsent| unsent.id));
            let attempts = open.into_iter().map(async |Unsent { id, copy }| {
                let exchange = copy.exchange.clone();
                (id, exchange, publisher.try_publish(copy, ATTEMPT).await)
            });
            for (id, exchange, published) in join_all(attempts).await {
                match published {
                    Ok(()) => sent.push(id),
                    // It may have been published: the lease has to end first.
                    Err(PublishError::TimedOut { .. } | PublishError::Stopped) => {
                        full.insert(exchange);
                    }
                    Err(_) => {
                        refused.push(id);
                        full.insert(exchange);
                    }
                }
            }
        }
        let mut db = answered(engine.pool.acquire()).await?;
        answered(unsent_copies::delete(&mut db, &sent)).await?;
        answered(unsent_copies::postpone(&mut db, &refused)).await?;
        if sent.is_empty() {
            let left = answered(unsent_copies::count(&mut db)).await?;
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            ballet_amqp::gauge!("ballet_copies_unsent").set(left as f64);
            return Ok(());
        }
    }
}
