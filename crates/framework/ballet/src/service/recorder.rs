//! The recorder of the process's metrics.

use std::sync::OnceLock;

use ballet_http::prometheus::Metrics;

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// The metrics of the process, or `None` if another recorder is installed.
static METRICS: OnceLock<Option<Metrics>> = OnceLock::new();

/// Installs the recorder of metrics, unless the program has one of its own.
pub(crate) fn install() {
    METRICS.get_or_init(|| Metrics::install(SECONDS));
}

/// The text of `/metrics`: empty if the program has a recorder of its own, which shows it elsewhere.
pub(crate) fn rendered() -> String {
    METRICS.get().and_then(Option::as_ref).map(Metrics::render).unwrap_or_default()
}
