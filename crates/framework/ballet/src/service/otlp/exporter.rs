//! Exports spans. Nothing in a service waits for it: what a slow or dead collector does not take is
//! dropped and counted.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use tokio::sync::{mpsc, watch};

use crate::engine::handlers::guard::panic_message;
use crate::engine::stopping::stopped;
use crate::outgoing::sampler::Sampler;
use crate::outgoing::spans::{Span, Spans, WorkKind};
use crate::service::otlp::{Collector, GRPC, HTTP};

/// The maximum number of spans that wait, which is a few megabytes.
const QUEUE: usize = 8192;
/// The maximum number of spans in one request.
const BATCH: usize = 512;
/// How long spans gather.
const GATHER: Duration = Duration::from_secs(1);
/// How long a collector may take, with the exporter's own retries.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Otlp {
    collector: Collector,
    exporter: SpanExporter,
    queue: mpsc::Receiver<Span>,
}

pub(super) fn exporter(
    collector: Collector,
    sampler: Sampler,
) -> Result<(Spans, Otlp), ExporterBuildError> {
    let (builder, url) = (SpanExporter::builder(), collector.url.as_str());
    let exporter = if collector.is_grpc {
        builder.with_tonic().with_timeout(TIMEOUT).with_endpoint(url).build()
    } else {
        let builder = builder.with_http().with_protocol(Protocol::HttpBinary);
        builder.with_timeout(TIMEOUT).with_endpoint(url).build()
    }?;
    let (spans, queue) = Spans::queue(QUEUE, sampler);
    Ok((spans, Otlp { collector, exporter, queue }))
}

impl Otlp {
    /// Exports until the process leaves, and then what is still there.
    pub(crate) async fn run(
        mut self,
        service: &'static str,
        (instance, version): (i64, Option<String>),
        mut leaving: watch::Receiver<bool>,
    ) {
        let given_name = self.collector.service_name.clone();
        // The latter win: what the environment says of the service is its operator's word.
        let resource = Resource::builder_empty()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.instance.id", instance.to_string()))
            .with_attributes(version.map(|version| KeyValue::new("service.version", version)))
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_detector(Box::new(EnvResourceDetector::new()))
            .with_attributes(given_name.map(|name| KeyValue::new("service.name", name)))
            .build();
        self.exporter.set_resource(&resource);
        let scope =
            InstrumentationScope::builder("ballet").with_version(env!("CARGO_PKG_VERSION")).build();
        let mut failing = false;
        loop {
            let mut batch = Vec::new();
            let left = tokio::select! {
                received = self.queue.recv_many(&mut batch, BATCH) => received == 0,
                () = stopped(&mut leaving) => false,
            };
            if left {
                return;
            }
            if batch.len() < BATCH && !*leaving.borrow() {
                tokio::select! {
                    () = tokio::time::sleep(GATHER) => {}
                    () = stopped(&mut leaving) => {}
                }
            }
            if *leaving.borrow() {
                // The spans in the queue are still taken; the loop ends when it is empty.
                self.queue.close();
            }
            while batch.len() < BATCH
                && let Ok(span) = self.queue.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                continue;
            }
            self.export(batch, &scope, &mut failing).await;
        }
    }

    async fn export(&self, batch: Vec<Span>, scope: &InstrumentationScope, failing: &mut bool) {
        let count = batch.len() as u64;
        let batch = batch.into_iter().map(|span| data(span, scope)).collect();
        let exported = AssertUnwindSafe(self.exporter.export(batch)).catch_unwind();
        let why = match tokio::time::timeout(TIMEOUT, exported).await {
            Ok(Ok(Ok(()))) => {
                metrics::counter!("ballet_spans_exported_total").increment(count);
                *failing = false;
                return;
            }
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(panic)) => format!("the exporter panicked: {}", panic_message(&*panic)),
            Err(_elapsed) => format!("no answer within {TIMEOUT:?}"),
        };
        metrics::counter!("ballet_spans_dropped_total", "why" => "export").increment(count);
        if !std::mem::replace(failing, true) {
            let Collector { address, is_grpc, .. } = &self.collector;
            let protocol = if *is_grpc { GRPC } else { HTTP };
            tracing::warn!(
                "the collector at {address} takes no spans over {protocol}, they are dropped: {why}; port \
                 4317 is usually for {GRPC}, 4318 for {HTTP}, and OTEL_EXPORTER_OTLP_PROTOCOL says which"
            );
        }
    }
}

fn data(span: Span, scope: &InstrumentationScope) -> SpanData {
    let Span { context, parent, kind, name, begun, ended, attributes, error } = span;
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(context.trace_id),
            SpanId::from(context.span_id),
            TraceFlags::new(context.flags),
            false,
            TraceState::default(),
        ),
        parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from),
        parent_span_is_remote: matches!(kind, WorkKind::Request | WorkKind::Receive),
        span_kind: match kind {
            WorkKind::Request => SpanKind::Server,
            WorkKind::Receive => SpanKind::Consumer,
            WorkKind::Step => SpanKind::Internal,
            WorkKind::Call => SpanKind::Client,
            WorkKind::Publish => SpanKind::Producer,
        },
        name: name.into(),
        start_time: SystemTime::from(begun),
        end_time: SystemTime::from(ended),
        attributes: attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: error.map_or(Status::Unset, Status::error),
        instrumentation_scope: scope.clone(),
    }
}
