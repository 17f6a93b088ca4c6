//! Without the feature `otlp` nothing exports spans, and the settings name no collector.

use tokio::sync::watch;

use crate::outgoing::sampler::Sampler;
use crate::outgoing::spans::Spans;
use crate::service::otlp::{ABSENT, Collector};

pub(crate) enum Otlp {}

pub(super) fn exporter(
    _collector: Collector,
    _sampler: Sampler,
) -> Result<(Spans, Otlp), &'static str> {
    Err(ABSENT)
}

impl Otlp {
    #[expect(clippy::unused_async, reason = "as the other one")]
    pub(crate) async fn run(
        self,
        _service: &'static str,
        _process: (i64, Option<String>),
        _leaving: watch::Receiver<bool>,
    ) {
        match self {}
    }
}
