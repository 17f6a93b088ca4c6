//! The metrics of the process.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_appender::non_blocking::ErrorCounter;

const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

pub(crate) fn install() -> Result<PrometheusHandle, String> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| format!("metrics are not available: {error}"))
}

/// Unread samples would fill the memory, so they move into the buckets at intervals. Counts the log's lost lines.
pub(crate) async fn keep(metrics: PrometheusHandle, lost: ErrorCounter) {
    let lines = metrics::counter!("gateway_log_lines_lost_total");
    loop {
        lines.absolute(u64::try_from(lost.dropped_lines()).unwrap_or(u64::MAX));
        tokio::time::sleep(Duration::from_secs(5)).await;
        metrics.run_upkeep();
    }
}
