//! The time limit on handlers: one that hangs has failed, and the lane goes on.

use crate::declare::failure::Failure;
use crate::engine::engine::Engine;
use crate::engine::guard::guarded;

/// Fails a handler that takes too long, or panics. However it ends, work has gone on.
pub(crate) async fn limited<T>(
    engine: &Engine,
    handler: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let limit = engine.handler_time;
    let ended = tokio::time::timeout(limit, guarded(handler)).await;
    engine.last_work.note();
    ended.unwrap_or_else(|_| {
        Err(Failure::transient(format!(
            "the handler took longer than {limit:?}, the limit (HANDLER_SECONDS)"
        )))
    })
}
