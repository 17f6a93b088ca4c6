//! The trace context of the request that is being served.

use axum::extract::Request;
use ballet_core::envelope::is_traceparent;

tokio::task_local! {
    /// The trace context of the request that this task serves.
    static TRACEPARENT: Option<String>;
}

/// Serves a request with its trace context at hand. Not an `async fn`: it reads the request before
/// the request moves into `served`.
pub(super) fn scope<F: Future>(
    traceparent: Option<String>,
    served: F,
) -> impl Future<Output = F::Output> {
    TRACEPARENT.scope(traceparent, served)
}

/// The trace context of the request that is being served, for the events that it causes.
pub(crate) fn traceparent() -> Option<String> {
    TRACEPARENT.try_with(Clone::clone).ok().flatten()
}

/// The trace context that a request brings, if it is one.
pub(super) fn of(request: &Request) -> Option<String> {
    let text = request.headers().get("traceparent")?.to_str().ok()?;
    is_traceparent(text).then(|| text.to_owned())
}
