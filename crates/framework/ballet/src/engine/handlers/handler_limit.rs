//! The time limit on handlers: one that hangs has failed, and the lane goes on.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;

use crate::declare::handler::failure::Failure;
use crate::engine::handlers::guard::guarded;
use crate::engine::handlers::last_work::LastWork;
use crate::engine::handlers::wrong_statements::WrongStatements;

pub(crate) struct HandlerLimit {
    pub(crate) time: Duration,
    pub(crate) last_work: Arc<LastWork>,
    pub(crate) wrong_statements: Arc<WrongStatements>,
}

impl HandlerLimit {
    /// The pool is for questions about failed statements.
    pub(crate) fn new(time: Duration, upkeep: PgPool) -> Self {
        let wrong_statements = Arc::new(WrongStatements::new(upkeep));
        Self { time, last_work: Arc::new(LastWork::new()), wrong_statements }
    }

    /// Fails a handler of this step that takes too long, or panics. Either way work has gone on.
    pub(crate) async fn run<T>(
        &self,
        step: &'static str,
        handler: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let limit = self.time;
        // Pinned, so that its future is not copied into others.
        let handler = pin!(handler);
        let ended = tokio::time::timeout(limit, guarded(handler)).await;
        self.last_work.note();
        let ended = ended.unwrap_or_else(|_| {
            Err(Failure::transient(format!(
                "the handler took longer than {limit:?}, the limit (HANDLER_SECONDS)"
            )))
        });
        self.wrong_statements.ran(step, &ended).await;
        ended
    }
}
