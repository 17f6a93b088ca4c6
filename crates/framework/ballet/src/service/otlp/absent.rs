//! Without the feature `otlp` nothing exports spans, and a service that is told to does not start.

use tokio::sync::watch;

use crate::outgoing::spans::Spans;

pub(crate) enum Otlp {}

pub(super) fn exporter(_endpoint: &str) -> Result<(Spans, Otlp), String> {
    Err("this program is built without ballet's feature `otlp`, and exports no spans".to_owned())
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
