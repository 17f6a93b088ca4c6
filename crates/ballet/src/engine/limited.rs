//! The time limit on handlers: one that hangs has failed, and the lane goes on.

use std::pin::pin;

use crate::declare::failure::Failure;
use crate::engine::engine::Engine;
use crate::engine::guard::guarded;
use crate::engine::held_worker::watched;

/// Fails a handler of this step that takes too long, or panics. However it ends, work has gone on.
pub(crate) async fn limited<T>(
    engine: &Engine,
    step: &'static str,
    handler: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let limit = engine.handler_time;
    let handler = pin!(handler);
    let handler = watched(engine.registry.service, step, handler);
    let ended = tokio::time::timeout(limit, guarded(handler)).await;
    engine.last_work.note();
    ended.unwrap_or_else(|_| {
        Err(Failure::transient(format!(
            "the handler took longer than {limit:?}, the limit (HANDLER_SECONDS)"
        )))
    })
}
