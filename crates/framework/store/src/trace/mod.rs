//! A span with what travels beside it: `tracestate` and `baggage` (W3C). They are passed on as they
//! came, and nobody here reads them.

pub mod trace_context;

use std::sync::Arc;

use ballet_core::SagaId;
use ballet_core::envelope::{is_baggage, is_tracestate};

use crate::trace::trace_context::TraceContext;

/// Separates the texts of a trace in a column. None of them contains it.
const SEPARATOR: char = '\n';

/// The span that a piece of work follows from, and what travels beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    pub context: TraceContext,
    pub carried: TraceExtras,
}

/// The `tracestate` and `baggage` beside a trace. It takes no memory of its own if there is neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceExtras(Option<Arc<Texts>>);

#[derive(Debug, PartialEq, Eq)]
struct Texts {
    tracestate: Option<String>,
    baggage: Option<String>,
}

impl TraceExtras {
    /// Keeps the texts that are valid.
    pub fn new(tracestate: Option<&str>, baggage: Option<&str>) -> Self {
        let tracestate = tracestate.filter(|text| is_tracestate(text)).map(str::to_owned);
        let baggage = baggage.filter(|text| is_baggage(text)).map(str::to_owned);
        let any = tracestate.is_some() || baggage.is_some();
        Self(any.then(|| Arc::new(Texts { tracestate, baggage })))
    }

    pub fn tracestate(&self) -> Option<&str> {
        self.0.as_ref()?.tracestate.as_deref()
    }

    pub fn baggage(&self) -> Option<&str> {
        self.0.as_ref()?.baggage.as_deref()
    }
}

impl Trace {
    /// Parses what a column holds. Earlier releases wrote the `traceparent` as it is.
    pub fn parse(stored: &str, saga: Option<SagaId>) -> Option<Self> {
        let mut texts = stored.split(SEPARATOR);
        let span = texts.next()?;
        let context = TraceContext::unpack(span, saga).or_else(|| TraceContext::parse(span))?;
        Some(Self { context, carried: TraceExtras::new(texts.next(), texts.next()) })
    }

    /// Returns the text for a column, which is shorter if the trace has the id of this saga, known
    /// from another column. Earlier releases cannot read the short form, so the saga is left out
    /// where a process often reads rows that another one has written.
    #[must_use]
    pub fn stored(&self, saga: Option<SagaId>) -> String {
        let Self { context, carried } = self;
        let mut stored = context.packed(saga);
        if let Some(Texts { tracestate, baggage }) = carried.0.as_deref() {
            for text in [tracestate, baggage] {
                stored.push(SEPARATOR);
                stored.push_str(text.as_deref().unwrap_or_default());
            }
        }
        stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_a_column_holds_is_read_back() {
        let context = TraceContext::parse(GIVEN).expect("a trace");
        let texts = [None, Some("vendor=1,other=a b"), Some("user=7;p=\u{21}")];
        for tracestate in texts {
            for baggage in texts {
                let trace = Trace { context, carried: TraceExtras::new(tracestate, baggage) };
                for saga in [None, Some(SagaId(uuid::Uuid::from_u128(context.trace_id)))] {
                    let stored = trace.stored(saga);
                    assert_eq!(Trace::parse(&stored, saga), Some(trace.clone()), "{stored:?}");
                }
                assert_eq!(trace.carried.tracestate(), tracestate);
                assert_eq!(trace.carried.baggage(), baggage);
                let of_before = trace.stored(None).replace(&context.packed(None), GIVEN);
                assert_eq!(Trace::parse(&of_before, None), Some(trace), "{of_before:?}");
            }
        }
        assert_eq!(Trace::parse("no trace\na=1", None), None);
    }
}
