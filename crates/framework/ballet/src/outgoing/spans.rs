//! Spans on their way to the collector: a bounded queue that never blocks the service.

use ballet_store::trace_context::TraceContext;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::outgoing::sampler::Sampler;

#[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "nothing exports it"))]
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) context: TraceContext,
    pub(crate) parent: Option<u64>,
    pub(crate) kind: WorkKind,
    pub(crate) name: String,
    pub(crate) begun: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) attributes: Vec<(&'static str, String)>,
    pub(crate) error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkKind {
    /// A request that this service answers.
    Request,
    /// A message, from its arrival until it is settled.
    Receive,
    Step,
    Call,
    /// An event, from the handover to the publisher until the broker's confirm.
    Publish,
}

/// Collects spans. Drops them unless the settings ask for them.
#[derive(Debug, Clone)]
pub(crate) struct Spans {
    queue: Option<mpsc::Sender<Span>>,
    pub(crate) sampler: Sampler,
}

impl Spans {
    pub(crate) const fn off() -> Self {
        Self { queue: None, sampler: Sampler::PARENT_BASED }
    }

    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "nothing exports them"))]
    pub(crate) fn queue(length: usize, sampler: Sampler) -> (Self, mpsc::Receiver<Span>) {
        let (queue, spans) = mpsc::channel(length);
        (Self { queue: Some(queue), sampler }, spans)
    }

    pub(crate) const fn are_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Returns true if a span of this context would be kept. Check it before you create a span.
    pub(crate) const fn want(&self, context: TraceContext) -> bool {
        self.are_on() && context.is_sampled()
    }

    /// Records a span, or drops and counts it where the queue is full.
    pub(crate) fn record(&self, span: Span) {
        let Some(queue) = self.queue.as_ref().filter(|_| span.context.is_sampled()) else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Closed(_)) = queue.try_send(span) {
            metrics::counter!("ballet_spans_dropped_total", "why" => "queue").increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(flags: u8) -> Span {
        Span {
            context: TraceContext { trace_id: 1, span_id: 2, flags },
            parent: None,
            kind: WorkKind::Step,
            name: "reserve_stock".to_owned(),
            begun: Timestamp::UNIX_EPOCH,
            ended: Timestamp::UNIX_EPOCH,
            attributes: Vec::new(),
            error: None,
        }
    }

    #[test]
    fn a_full_queue_drops_spans_and_nobody_waits() {
        let (spans, mut queue) = Spans::queue(2, Sampler::PARENT_BASED);
        (0..5).for_each(|_| spans.record(span(1)));
        assert!(queue.try_recv().is_ok() && queue.try_recv().is_ok());
        assert!(queue.try_recv().is_err(), "three were dropped");
        spans.record(span(1));
        assert!(queue.try_recv().is_ok(), "there is room again");
    }

    #[test]
    fn what_is_not_sampled_is_not_recorded() {
        let (spans, mut queue) = Spans::queue(2, Sampler::PARENT_BASED);
        spans.record(span(0));
        assert!(!spans.want(span(0).context) && spans.want(span(1).context));
        assert!(!Spans::off().want(span(1).context));
        assert!(queue.try_recv().is_err());
    }
}
