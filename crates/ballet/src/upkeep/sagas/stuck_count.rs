//! Counts what waits for a person: stuck sagas, and events that can never be published.

use std::time::Duration;

use ballet_amqp::jittered;
use ballet_store::inbox::failures;
use ballet_store::outbox::batches as outbox;
use sqlx::{PgConnection, PgPool};
use tokio::sync::watch;

use crate::declare::handler::database_wait::answered;
use crate::engine::stopping::stopped;

/// The tables are short in good times. In bad times a count may take a moment.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// The first one: tasks that begin at the same moment take a connection each.
const FIRST: Duration = Duration::from_secs(1);

struct StuckCounts {
    tried_again: f64,
    for_good: f64,
    unpublishable: i64,
}

/// Counts for the metrics, and for readiness, until the service stops. The counts come from the
/// database, so every replica reports the same numbers.
pub(crate) async fn keep_count(
    pool: PgPool,
    unpublishable: watch::Sender<i64>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut pause = jittered(FIRST);
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = COUNT_EVERY,
            () = stopped(&mut stopping) => return,
        }
        let counted = async { count(&mut *pool.acquire().await?).await };
        match answered(counted).await {
            Ok(counted) => {
                let StuckCounts { tried_again, for_good, unpublishable: dead } = counted;
                ballet_amqp::gauge!("ballet_sagas_stuck", "tried_again" => "yes").set(tried_again);
                ballet_amqp::gauge!("ballet_sagas_stuck", "tried_again" => "no").set(for_good);
                ballet_amqp::gauge!("ballet_outbox_dead").set(dead as f64);
                unpublishable.send_replace(dead);
            }
            Err(failure) => tracing::debug!("stuck sagas could not be counted: {failure}"),
        }
    }
}

async fn count(db: &mut PgConnection) -> Result<StuckCounts, sqlx::Error> {
    let (tried_again, for_good) = failures::count(db).await?;
    let unpublishable = outbox::count_dead(db).await?;
    Ok(StuckCounts { tried_again, for_good, unpublishable })
}
