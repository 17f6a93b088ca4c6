//! Limits on handlers: one that hangs or panics has failed, and the lane goes on.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::declare::failure::Failure;
use crate::engine::engine::Engine;

/// Fails a handler that takes too long, or panics.
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

/// Fails a handler that panics. The lane goes on.
pub(crate) async fn guarded<T>(
    handler: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    AssertUnwindSafe(handler).catch_unwind().await.unwrap_or_else(|panic| {
        Err(Failure::transient(format!("the handler panicked: {}", panic_message(&*panic))))
    })
}

/// The text of a panic, or that it has none.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
