//! The time limit on handlers: one that hangs has failed, and the lane goes on.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::declare::handler::failure::Failure;
use crate::engine::handlers::guard::guarded;
use crate::engine::handlers::held_worker::watched;
use crate::engine::handlers::last_work::LastWork;

/// Runs handlers within their time.
pub(crate) struct HandlerLimit {
    service: &'static str,
    /// How long one handler may take with one message.
    pub(crate) time: Duration,
    pub(crate) last_work: Arc<LastWork>,
}

impl HandlerLimit {
    pub(crate) fn new(service: &'static str, time: Duration) -> Self {
        Self { service, time, last_work: Arc::new(LastWork::new()) }
    }

    /// Fails a handler of this step that takes too long, or panics. However it ends, work has gone on.
    pub(crate) async fn run<T>(
        &self,
        step: &'static str,
        handler: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let limit = self.time;
        let handler = pin!(handler);
        let handler = watched(self.service, step, handler);
        let ended = tokio::time::timeout(limit, guarded(handler)).await;
        self.last_work.note();
        ended.unwrap_or_else(|_| {
            Err(Failure::transient(format!(
                "the handler took longer than {limit:?}, the limit (HANDLER_SECONDS)"
            )))
        })
    }
}
