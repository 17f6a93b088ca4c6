//! The metrics of the process.

use std::time::Duration;

use ballet_http::prometheus::Metrics;
use tracing_appender::non_blocking::ErrorCounter;

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

pub(crate) fn install() -> Result<Metrics, String> {
    Metrics::install(SECONDS)
        .ok_or_else(|| "the process has another recorder of metrics".to_owned())
}

/// Counts the log's lost lines.
pub(crate) async fn keep(lost: ErrorCounter) {
    let lines = metrics::counter!("gateway_log_lines_lost_total");
    loop {
        lines.absolute(u64::try_from(lost.dropped_lines()).unwrap_or(u64::MAX));
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
