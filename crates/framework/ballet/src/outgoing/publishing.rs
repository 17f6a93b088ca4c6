//! The spans of events that are being published.

use ballet_core::{MessageId, SagaId};
use ballet_store::outbox::event::EmittedEvent;
use ballet_store::outbox::left_behind::StoredEvent;
use ballet_store::trace_context::TraceContext;
use jiff::Timestamp;

use crate::declare::handler::clock::Clock;
use crate::declare::handler::spans;
use crate::outgoing::spans::{Span, Spans, WorkKind};

#[derive(Debug, Default)]
pub(crate) struct PublishSpans(Vec<(i32, Span)>);

struct SpanEvent<'a> {
    trace: Option<TraceContext>,
    event_type: &'a str,
    message_id: MessageId,
    saga_id: Option<SagaId>,
}

impl PublishSpans {
    pub(crate) fn begin(spans: &Spans, clock: &Clock, events: &[EmittedEvent]) -> Self {
        let event = |event: &EmittedEvent| SpanEvent {
            trace: event.trace.as_ref().map(|trace| trace.context),
            event_type: event.event.event_type.name(),
            message_id: event.message_id,
            saga_id: event.saga_id,
        };
        Self::of(spans, clock, events.len(), |at| events.get(at).map(event))
    }

    pub(crate) fn begin_stored(spans: &Spans, clock: &Clock, events: &[StoredEvent]) -> Self {
        Self::of(spans, clock, events.len(), |at| {
            events.get(at).map(|event| SpanEvent {
                trace: event.trace.as_ref().map(|trace| trace.context),
                event_type: &event.event_type,
                message_id: event.message_id,
                saga_id: event.saga_id,
            })
        })
    }

    pub(crate) fn forget(&mut self, positions: &[i32]) {
        self.0.retain(|(position, _)| !positions.contains(position));
    }

    fn of<'a>(
        spans: &Spans,
        clock: &Clock,
        count: usize,
        event: impl Fn(usize) -> Option<SpanEvent<'a>>,
    ) -> Self {
        if !spans.are_on() {
            return Self::default();
        }
        let now = clock.now();
        let begin = |at: usize| {
            let event = event(at)?;
            let step = event.trace.filter(|step| spans.want(*step))?;
            let span = event.span(step, spans::child(step, clock), now);
            Some((i32::try_from(at).ok()?, span))
        };
        Self((0..count).filter_map(begin).collect())
    }

    /// The events at these positions can never be published; the others are published.
    pub(crate) fn end(self, spans: &Spans, now: Timestamp, dead: &[(i32, String)]) {
        for (position, mut span) in self.0 {
            span.ended = now;
            span.error =
                dead.iter().find(|(dead, _)| *dead == position).map(|(_, reason)| reason.clone());
            spans.record(span);
        }
    }
}

impl SpanEvent<'_> {
    fn span(&self, step: TraceContext, context: TraceContext, now: Timestamp) -> Span {
        let mut attributes = vec![
            ("messaging.system", "rabbitmq".to_owned()),
            ("messaging.operation.type", "send".to_owned()),
            ("messaging.destination.name", self.event_type.to_owned()),
            ("messaging.message.id", self.message_id.to_string()),
        ];
        attributes.extend(self.saga_id.map(|saga| ("ballet.saga_id", saga.to_string())));
        Span {
            context,
            parent: Some(step.span_id),
            kind: WorkKind::Publish,
            name: format!("publish {}", self.event_type),
            begun: now,
            ended: now,
            attributes,
            error: None,
        }
    }
}
