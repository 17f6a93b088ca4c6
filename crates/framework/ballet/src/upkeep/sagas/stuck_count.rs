//! Counts what waits for a person: stuck sagas, and events that can never be published.

use std::time::Duration;

use ballet_amqp::jittered;
use ballet_store::inbox::failures;
use ballet_store::outbox::batches as outbox;
use sqlx::{PgConnection, PgPool};
use tokio::sync::watch;

use crate::declare::handler::database_wait::answered;
use crate::engine::stopping::waited;

/// The tables are short in good times. In bad times a count may take a moment.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// The first count waits, since tasks that begin at the same moment take a connection each.
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
    outbox: watch::Sender<String>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut pause = jittered(FIRST);
    while waited(&mut stopping, pause).await {
        pause = COUNT_EVERY;
        let counted = async { count(&mut *pool.acquire().await?).await };
        match answered(counted).await {
            Ok(counted) => {
                let StuckCounts { tried_again, for_good, unpublishable } = counted;
                metrics::gauge!("ballet_sagas_stuck", "tried_again" => "yes").set(tried_again);
                metrics::gauge!("ballet_sagas_stuck", "tried_again" => "no").set(for_good);
                metrics::gauge!("ballet_outbox_dead").set(unpublishable as f64);
                outbox.send_replace(said(unpublishable));
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

fn said(unpublishable: i64) -> String {
    match unpublishable {
        0 => "ok".to_owned(),
        count => format!("events that can never be published: {count} (`ballet outbox list`)"),
    }
}
