//! A collector of spans, which keeps in memory what services export over OTLP.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use ballet_stage::Result;
use ballet_stage::wait_until;

/// A span as a service exported it. Ids are in lower-case hexadecimal, as in a `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedSpan {
    /// The service that exported it.
    pub service: String,
    /// The id of its trace.
    pub trace_id: String,
    /// Its own id.
    pub span_id: String,
    /// The id of its parent span; `None` for the root.
    pub parent: Option<String>,
    /// `server`, `consumer`, `internal`, `client` or `producer`.
    pub kind: String,
    /// The name of the span.
    pub name: String,
    /// Its attributes, with their values as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether it failed.
    pub failed: bool,
    /// Its start and end, in nanoseconds since 1970.
    pub time: (u64, u64),
}

/// What gRPC calls the export of spans.
const GRPC: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// In gRPC a message follows a byte for its compression and four for its length.
const GRPC_PREFIX: usize = 5;

type SharedSpans = Arc<Mutex<Vec<CollectedSpan>>>;

/// A collector on its own port. Dropping it stops it.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    url: String,
    spans: SharedSpans,
    serving: JoinHandle<()>,
}

impl Collector {
    /// Starts a collector, for HTTP and for gRPC on one port.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let url = format!("http://{address}");
        let spans = SharedSpans::default();
        let routes = Router::new()
            .route("/v1/traces", post(take))
            .route(GRPC, post(take_grpc))
            .with_state(Arc::clone(&spans));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                eprintln!("the collector ended: {error}");
            }
        });
        Ok(Self { address, url, spans, serving })
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns all spans that have arrived so far.
    #[must_use]
    pub fn all(&self) -> Vec<CollectedSpan> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the spans of a trace that have arrived so far.
    #[must_use]
    pub fn trace(&self, trace_id: &str) -> Vec<CollectedSpan> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().filter(|span| span.trace_id == trace_id).cloned().collect()
    }

    /// Waits until the spans of a trace meet a condition.
    ///
    /// # Errors
    ///
    /// Returns all spans that have arrived if they do not meet it in time.
    pub async fn until(
        &self,
        trace_id: &str,
        time: Duration,
        wanted: impl Fn(&[CollectedSpan]) -> bool,
    ) -> Result<Vec<CollectedSpan>> {
        wait_until("spans", time, || async {
            let trace = self.trace(trace_id);
            if wanted(&trace) { Ok(Some(trace)) } else { Err(format!("{trace:#?}")) }
        })
        .await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(spans): State<SharedSpans>, body: Bytes) -> Response {
    if !collect(&spans, body) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    ([(header::CONTENT_TYPE, "application/x-protobuf")], answer).into_response()
}

async fn take_grpc(State(spans): State<SharedSpans>, body: Bytes) -> Response {
    if body.len() < GRPC_PREFIX || !collect(&spans, body.slice(GRPC_PREFIX..)) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    // An empty message, and success.
    let mut end = HeaderMap::new();
    end.insert("grpc-status", HeaderValue::from_static("0"));
    let answer =
        Full::<Bytes>::from(vec![0; GRPC_PREFIX]).with_trailers(async move { Some(Ok(end)) });
    ([(header::CONTENT_TYPE, "application/grpc")], Body::new(answer)).into_response()
}

/// Returns false for what is no export.
fn collect(spans: &SharedSpans, body: Bytes) -> bool {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return false };
    let mut collected = Vec::new();
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.map(|resource| resource.attributes);
        let mut resource = attributes(resource.unwrap_or_default());
        let service = resource.remove("service.name").unwrap_or_default();
        let all = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        collected.extend(all.map(|span| read(span, &service)));
    }
    spans.lock().unwrap_or_else(PoisonError::into_inner).extend(collected);
    true
}

fn read(span: Span, service: &str) -> CollectedSpan {
    let kind = match span.kind() {
        SpanKind::Unspecified => "unspecified",
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    };
    CollectedSpan {
        service: service.to_owned(),
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent: (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
        kind: kind.to_owned(),
        failed: span.status.is_some_and(|status| status.code() == SpanStatus::Error),
        time: (span.start_time_unix_nano, span.end_time_unix_nano),
        name: span.name,
        attributes: attributes(span.attributes),
    }
}

fn attributes(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|one| (one.key, text(one.value))).collect()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
