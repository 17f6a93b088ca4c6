//! Counts what is stuck, for the metrics.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::tables::database::answered;
use crate::tables::failures::count;

/// A glance at a table that is short while all goes well; in bad times it may cost a moment.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// Counts what is stuck, for the metrics, until the service stops. What counts is in the database,
/// so every replica says the same.
pub(crate) async fn keep_count(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    loop {
        let counted = async { count(&mut *engine.pool.acquire().await?).await };
        match answered(counted).await {
            Ok((tried_again, for_good)) => {
                metrics::gauge!("ballet_sagas_stuck", "tried_again" => "yes").set(tried_again);
                metrics::gauge!("ballet_sagas_stuck", "tried_again" => "no").set(for_good);
            }
            Err(failure) => tracing::debug!("what is stuck is not counted: {failure}"),
        }
        tokio::select! {
            () = tokio::time::sleep(COUNT_EVERY) => {}
            () = stopped(&mut stopping) => return,
        }
    }
}
