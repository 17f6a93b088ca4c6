//! The spans of events that are being published.

use ballet_amqp::Outgoing;
use ballet_store::outbox::wire::OutgoingEvent;
use ballet_store::trace_context::TraceContext;
use jiff::Timestamp;

use crate::declare::handler::clock::Clock;
use crate::declare::handler::spans;
use crate::outgoing::spans::{Span, Spans, WorkKind};

#[derive(Debug, Default)]
pub(crate) struct PublishSpans(Vec<(i32, Span)>);

impl PublishSpans {
    pub(crate) fn begin(spans: &Spans, clock: &Clock, events: &[OutgoingEvent]) -> Self {
        let now = clock.now();
        let begin = |(at, event): (i32, &OutgoingEvent)| {
            let step = event.trace.as_ref()?.context;
            spans.want(step).then(|| (at, span(event, step, spans::child(step, clock), now)))
        };
        Self((0..).zip(events).filter_map(begin).collect())
    }

    pub(crate) fn forget(&mut self, positions: &[i32]) {
        self.0.retain(|(position, _)| !positions.contains(position));
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

fn span(event: &OutgoingEvent, step: TraceContext, context: TraceContext, now: Timestamp) -> Span {
    let event_type = event.routing_key();
    let mut attributes = vec![
        ("messaging.system", "rabbitmq".to_owned()),
        ("messaging.operation.type", "send".to_owned()),
        ("messaging.destination.name", event_type.to_owned()),
        ("messaging.message.id", event.message_id.to_string()),
    ];
    attributes.extend(event.saga_id.map(|saga| ("ballet.saga_id", saga.to_string())));
    Span {
        context,
        parent: Some(step.span_id),
        kind: WorkKind::Publish,
        name: format!("publish {event_type}"),
        begun: now,
        ended: now,
        attributes,
        error: None,
    }
}
