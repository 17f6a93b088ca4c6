//! A handler that panics has failed, and the lane goes on.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::declare::failure::Failure;

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
