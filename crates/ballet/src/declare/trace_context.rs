//! The trace and span that a piece of work belongs to (W3C Trace Context). It is passed on even if
//! no spans are collected.

use std::fmt;

use ballet_core::envelope::is_traceparent;
use uuid::Uuid;

use crate::declare::clock::Clock;

const SAMPLED: u8 = 1;

/// A span of a trace, as a `traceparent` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) flags: u8,
}

impl TraceContext {
    /// Parses a `traceparent`. Returns `None` if it is invalid. Version 255 and zero ids are
    /// invalid by the specification.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if !is_traceparent(text) {
            return None;
        }
        let mut parts = text.split('-');
        let version = u8::from_str_radix(parts.next()?, 16).ok()?;
        let trace_id = u128::from_str_radix(parts.next()?, 16).ok()?;
        let span_id = u64::from_str_radix(parts.next()?, 16).ok()?;
        let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
        let valid = version != u8::MAX && trace_id != 0 && span_id != 0;
        valid.then_some(Self { trace_id, span_id, flags })
    }

    /// Starts a trace. The trace of a saga has the saga's id, so one can be found by the other.
    pub(crate) fn root(id: Option<Uuid>, clock: &Clock) -> Self {
        let drawn = || (u128::from(clock.new_span_id()) << 64) | u128::from(clock.new_span_id());
        let given = id.map(|id| id.as_u128()).filter(|id| *id != 0);
        let trace_id = given.unwrap_or_else(drawn);
        Self { trace_id, span_id: clock.new_span_id(), flags: SAMPLED }
    }

    /// Returns a new span of the same trace.
    #[must_use]
    pub(crate) fn child(self, clock: &Clock) -> Self {
        Self { span_id: clock.new_span_id(), ..self }
    }

    /// Returns a child of the given span, or a new trace if there is none.
    pub(crate) fn after(given: Option<Self>, id: Uuid, clock: &Clock) -> Self {
        given.map_or_else(|| Self::root(Some(id), clock), |given| given.child(clock))
    }

    /// Returns true if the trace is sampled.
    pub(crate) const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// Formats the context as a `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, flags } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn clock(seed: u64) -> Clock {
        Clock::new(|| Timestamp::UNIX_EPOCH, seed)
    }

    proptest! {
        #[test]
        fn a_context_is_read_back_as_it_was_written(
            trace_id in 1..u128::MAX, span_id in 1..u64::MAX, flags: u8,
        ) {
            let context = TraceContext { trace_id, span_id, flags };
            prop_assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        }

        #[test]
        fn a_child_is_another_span_of_the_same_trace(
            trace_id in 1..u128::MAX, span_id in 1..u64::MAX, flags: u8, seed: u64,
        ) {
            let (context, clock) = (TraceContext { trace_id, span_id, flags }, clock(seed));
            let (child, sibling) = (context.child(&clock), context.child(&clock));
            prop_assert_eq!((child.trace_id, child.flags), (trace_id, flags));
            prop_assert!(child.span_id != span_id && child.span_id != sibling.span_id);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text: String) {
            if let Some(context) = TraceContext::parse(&text) {
                prop_assert!(context.to_string().eq_ignore_ascii_case(&text) || !text.starts_with("00"));
            }
        }
    }

    #[test]
    fn a_text_that_is_no_traceparent_is_none() {
        assert_eq!(TraceContext::parse(GIVEN).expect("valid").to_string(), GIVEN);
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_trace_that_begins_has_the_sagas_id_and_is_sampled() {
        let (saga, clock) = (Uuid::from_u128(7), clock(1));
        let begun = TraceContext::after(None, saga, &clock);
        assert_eq!(begun.trace_id, saga.as_u128());
        assert!(begun.is_sampled());
        let given = TraceContext::parse(GIVEN);
        let child = TraceContext::after(given, saga, &clock);
        assert_eq!(Some(child.trace_id), given.map(|given| given.trace_id));
        assert_ne!(TraceContext::root(Some(Uuid::nil()), &clock).trace_id, 0, "zeros are no id");
    }
}
