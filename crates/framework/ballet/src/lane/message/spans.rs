//! The spans of a message: its way through the service, and the runs of its handlers.

use ballet_core::Envelope;
use ballet_store::trace::{Trace, TraceExtras};
use ballet_store::trace_context::TraceContext;
use jiff::Timestamp;

use crate::declare::handler::clock::Clock;
use crate::declare::handler::spans;
use crate::engine::effect::Effect;
use crate::outgoing::sampler::Sampler;
use crate::outgoing::spans::{Span, Spans, WorkKind};

#[derive(Debug)]
pub(crate) struct MessageTrace {
    /// The span from the message's arrival until it is settled.
    received: OpenSpan,
    /// The handler that is running, or ran last.
    step: OpenSpan,
    /// How often a handler has failed with the message so far.
    failures: u32,
    carried: TraceExtras,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenSpan {
    pub(crate) context: TraceContext,
    parent: Option<u64>,
    begun: Timestamp,
}

impl OpenSpan {
    pub(crate) fn after(
        given: Option<TraceContext>,
        id: uuid::Uuid,
        clock: &Clock,
        sampler: Sampler,
        begun: Timestamp,
    ) -> Self {
        let parent = given.map(|given| given.span_id);
        let context = sampler.mark(given, spans::after(given, id, clock));
        Self { context, parent, begun }
    }

    fn child(self, clock: &Clock, begun: Timestamp) -> Self {
        let parent = Some(self.context.span_id);
        Self { context: spans::child(self.context, clock), parent, begun }
    }

    pub(crate) fn end(
        self,
        kind: WorkKind,
        name: String,
        attributes: Vec<(&'static str, String)>,
        outcome: Result<&str, &str>,
        now: Timestamp,
    ) -> Span {
        let Self { context, parent, begun } = self;
        let mut attributes = attributes;
        let outcome_or_failed = outcome.unwrap_or("failed");
        attributes.push(("ballet.outcome", outcome_or_failed.to_owned()));
        let error = outcome.err().map(str::to_owned);
        Span { context, parent, kind, name, begun, ended: now, attributes, error }
    }
}

impl MessageTrace {
    pub(crate) fn arrived(
        envelope: &Envelope,
        failures: u32,
        clock: &Clock,
        sampler: Sampler,
        now: Timestamp,
    ) -> Self {
        let given = envelope.traceparent.as_deref().and_then(TraceContext::parse);
        let id = envelope.saga_id.map_or(envelope.message_id.0, |saga| saga.0);
        let received = OpenSpan::after(given, id, clock, sampler, now);
        // A `tracestate` belongs to its trace.
        let tracestate = envelope.tracestate.as_deref().filter(|_| given.is_some());
        let carried = TraceExtras::new(tracestate, envelope.baggage.as_deref());
        Self { received, step: received, failures, carried }
    }

    /// A handler begins to run; what it emits, and wants later, follows from this.
    pub(crate) fn begin_step(&mut self, clock: &Clock, now: Timestamp) -> Trace {
        self.step = self.received.child(clock, now);
        Trace { context: self.step.context, carried: self.carried.clone() }
    }

    pub(crate) const fn trace_id(&self) -> u128 {
        self.received.context.trace_id
    }

    pub(crate) fn step(
        &self,
        spans: &Spans,
        envelope: &Envelope,
        handler: &str,
        outcome: Result<Effect, &str>,
        now: Timestamp,
    ) -> Option<Span> {
        spans.want(self.step.context).then(|| {
            let outcome = outcome.map(Effect::as_str);
            let mut attributes = attributes(envelope);
            attributes.push(("ballet.attempt", (self.failures + 1).to_string()));
            self.step.end(WorkKind::Step, handler.to_owned(), attributes, outcome, now)
        })
    }

    pub(crate) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    pub(crate) fn left(
        &self,
        spans: &Spans,
        envelope: &Envelope,
        waits: u32,
        outcome: Result<&str, &str>,
        now: Timestamp,
    ) {
        if spans.want(self.received.context) {
            let mut attributes = attributes(envelope);
            attributes.push(("messaging.system", "rabbitmq".to_owned()));
            attributes.push(("messaging.operation.type", "process".to_owned()));
            // How often it waited in a retry queue before.
            attributes.push(("ballet.waits", waits.to_string()));
            let name = format!("receive {}", envelope.event_type);
            spans.record(self.received.end(WorkKind::Receive, name, attributes, outcome, now));
        }
    }
}

fn attributes(envelope: &Envelope) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        ("messaging.destination.name", envelope.event_type.name().to_owned()),
        ("messaging.message.id", envelope.message_id.to_string()),
    ];
    attributes.extend(envelope.saga_id.map(|saga| ("ballet.saga_id", saga.to_string())));
    attributes
}
