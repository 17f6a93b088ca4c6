//! Code of users that panics has failed, and the lane goes on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;

use crate::declare::handler::failure::Failure;

pub(crate) async fn guarded<T, E: From<Failure>>(
    handler: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let ended = AssertUnwindSafe(handler).catch_unwind().await;
    ended.unwrap_or_else(|panic| Err(panicked("the handler", &*panic).into()))
}

pub(crate) fn caught<T>(what: &str, function: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|panic| panicked(what, &*panic))
}

fn panicked(what: &str, panic: &(dyn Any + Send)) -> Failure {
    Failure::transient(format!("{what} panicked: {}", panic_message(panic)))
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
