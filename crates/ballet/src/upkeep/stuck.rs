//! Counts stuck sagas for the metrics.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::tables::database::answered;
use crate::tables::failures::count;

/// The table is short in good times. In bad times a count may take a moment.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// Counts stuck sagas for the metrics, until the service stops. The count comes from the database,
/// so every replica reports the same number.
pub(crate) async fn keep_count(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    loop {
        let counted = async { count(&mut *engine.pool.acquire().await?).await };
        match answered(counted).await {
            Ok((tried_again, for_good)) => {
                ballet_amqp::gauge!("ballet_sagas_stuck", "tried_again" => "yes").set(tried_again);
                ballet_amqp::gauge!("ballet_sagas_stuck", "tried_again" => "no").set(for_good);
            }
            Err(failure) => tracing::debug!("stuck sagas could not be counted: {failure}"),
        }
        tokio::select! {
            () = tokio::time::sleep(COUNT_EVERY) => {}
            () = stopped(&mut stopping) => return,
        }
    }
}
