//! Keeps the metrics in this process, until Prometheus asks for them.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
const SIZES: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0];

static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The metrics of the process, or `None` if another recorder is installed.
fn handle() -> Option<PrometheusHandle> {
    let install = || {
        let (seconds, sizes) =
            (Matcher::Suffix("_seconds".into()), Matcher::Suffix("_size".into()));
        PrometheusBuilder::new()
            .set_buckets_for_metric(seconds, &SECONDS)
            .and_then(|builder| builder.set_buckets_for_metric(sizes, &SIZES))
            .and_then(PrometheusBuilder::install_recorder)
            .inspect_err(|error| tracing::warn!("metrics are not available: {error}"))
            .ok()
    };
    METRICS.get_or_init(install).clone()
}

/// Installs the recorder of metrics, unless the program has one of its own.
pub(crate) fn install() {
    handle();
}

/// The text of `/metrics`: empty if the program has a recorder of its own, which shows it elsewhere.
pub(crate) fn rendered() -> String {
    handle().map(|metrics| metrics.render()).unwrap_or_default()
}

pub(super) fn run_upkeep() {
    if let Some(metrics) = handle() {
        metrics.run_upkeep();
    }
}
