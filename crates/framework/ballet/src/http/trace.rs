//! The span of the request that is being served, for the events that it causes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use ballet_core::SagaId;
use ballet_store::trace::{Trace, TraceExtras};
use ballet_store::trace_context::TraceContext;

use crate::declare::handler::clock::Clock;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::spans;
use crate::http::problem::Problem;
use crate::outgoing::sampler::Sampler;
use crate::outgoing::spans::{Span, Spans, WorkKind};

#[derive(Debug, Clone)]
pub(crate) struct Tracer {
    pub(crate) clock: Clock,
    pub(crate) spans: Spans,
}

struct CurrentRequest {
    given: Option<TraceContext>,
    carried: TraceExtras,
    clock: Clock,
    sampler: Sampler,
    /// Set by whatever asks first, since a request without a trace joins that of its saga.
    context: OnceLock<TraceContext>,
    /// Whether a unit was dropped that was neither committed nor rolled back.
    left_open: AtomicBool,
}

tokio::task_local! {
    static CURRENT: CurrentRequest;
}

impl CurrentRequest {
    fn context(&self, saga_id: Option<SagaId>) -> TraceContext {
        *self.context.get_or_init(|| {
            let context = match self.given {
                Some(given) => spans::child(given, &self.clock),
                None => spans::root(saga_id.map(|saga| saga.0), &self.clock),
            };
            self.sampler.mark(self.given, context)
        })
    }
}

/// The span of the request that works on this saga; `None` outside of requests.
pub(crate) fn current(saga_id: Option<SagaId>) -> Option<Trace> {
    let trace = |current: &CurrentRequest| Trace {
        context: current.context(saga_id),
        carried: current.carried.clone(),
    };
    CURRENT.try_with(trace).ok()
}

/// Notes that a unit was dropped that was neither committed nor rolled back, as is right if the
/// answer is an error.
pub(super) fn unit_left_open() {
    // Outside of requests nobody waits for an answer.
    let _in_request = CURRENT.try_with(|current| current.left_open.store(true, Ordering::Relaxed));
}

/// Replaces a success that reports what was not committed.
fn honest(response: Response) -> Response {
    let left_open = CURRENT.try_with(|current| current.left_open.load(Ordering::Relaxed));
    let status = response.status();
    if !left_open.unwrap_or(false) || status.is_client_error() || status.is_server_error() {
        return response;
    }
    Problem::from(Failure::permanent(format!(
        "the handler answered {status} and dropped its unit: nothing of it is kept. Call `unit.commit()`, or \
         `unit.rollback()` if nothing shall change"
    )))
    .into_response()
}

impl Tracer {
    pub(super) async fn serve<F: Future<Output = Response>>(
        self,
        request: Request,
        serve: impl FnOnce(Request) -> F,
    ) -> Response {
        let Self { clock, spans } = self;
        let begun = clock.now();
        // The span has no more telling name: names must have few values, and the path holds ids.
        let about = spans.are_on().then(|| {
            let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
            (method.clone(), vec![("http.request.method", method), ("url.path", path)])
        });
        let given = incoming_context(&request);
        let served_now = CurrentRequest {
            given,
            carried: carried(&request, given),
            clock: clock.clone(),
            sampler: spans.sampler,
            context: OnceLock::new(),
            left_open: AtomicBool::new(false),
        };
        let served = async {
            let response = honest(serve(request).await);
            (response, current(None))
        };
        let (response, context) = CURRENT.scope(served_now, served).await;
        if let Some((name, mut attributes)) = about
            && let Some(Trace { context, .. }) = context
        {
            let status = response.status();
            attributes.push(("http.response.status_code", status.as_u16().to_string()));
            spans.record(Span {
                context,
                parent: given.map(|given| given.span_id),
                kind: WorkKind::Request,
                name,
                begun,
                ended: clock.now(),
                attributes,
                error: status.is_server_error().then(|| status.to_string()),
            });
        }
        response
    }
}

fn incoming_context(request: &Request) -> Option<TraceContext> {
    TraceContext::parse(request.headers().get("traceparent")?.to_str().ok()?)
}

/// Each header may come in several lines.
fn carried(request: &Request, given: Option<TraceContext>) -> TraceExtras {
    let lines = |name| {
        let lines = request.headers().get_all(name).iter().filter_map(|line| line.to_str().ok());
        lines.collect::<Vec<_>>().join(",")
    };
    // A `tracestate` belongs to its trace.
    let tracestate = given.map(|_| lines("tracestate"));
    TraceExtras::new(tracestate.as_deref(), Some(&lines("baggage")))
}
