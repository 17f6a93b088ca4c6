//! The trace and span that a piece of work belongs to (W3C Trace Context). It is passed on even if
//! no spans are collected.

use std::fmt::{self, Write as _};

use ballet_core::SagaId;
use ballet_core::envelope::is_traceparent;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

/// The flag of a trace that is sampled.
pub const SAMPLED: u8 = 1;
const LENGTH: usize = 55;

/// A span of a trace, as a `traceparent` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    pub trace_id: u128,
    pub span_id: u64,
    pub flags: u8,
}

impl TraceContext {
    /// Parses a `traceparent`. Returns `None` if it is invalid. Version 255 and zero ids are
    /// invalid by the specification.
    pub fn parse(text: &str) -> Option<Self> {
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

    /// Returns the trace, the span and the flags in 34 characters instead of 55, since each event
    /// in the outbox has them. A trace with the id of the saga, which has a column of its own,
    /// takes 12: the span and the flags.
    #[must_use]
    pub fn packed(self, saga: Option<SagaId>) -> String {
        let Self { trace_id, span_id, flags } = self;
        let mut bytes = [flags; 25];
        bytes[..16].copy_from_slice(&trace_id.to_be_bytes());
        bytes[16..24].copy_from_slice(&span_id.to_be_bytes());
        let is_sagas = saga.is_some_and(|saga| saga.0.as_u128() == trace_id);
        BASE64.encode(if is_sagas { &bytes[16..] } else { &bytes[..] })
    }

    /// Reads what [`TraceContext::packed`] wrote beside the same saga. Returns `None` for anything else.
    pub fn unpack(packed: &str, saga: Option<SagaId>) -> Option<Self> {
        let bytes = BASE64.decode(packed).ok()?;
        let (span, trace_id) = match bytes.split_last_chunk::<9>()? {
            ([], span) => (span, saga?.0.as_u128()),
            (trace_id, span) => (span, u128::from_be_bytes(trace_id.try_into().ok()?)),
        };
        let [span_id @ .., flags] = *span;
        let span_id = u64::from_be_bytes(span_id);
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags })
    }

    /// Returns the `traceparent`. Each event has one, so the text has its room at once.
    #[must_use]
    pub fn traceparent(self) -> String {
        let mut text = String::with_capacity(LENGTH);
        write!(text, "{self}").ok();
        text
    }

    /// Returns true if the trace is sampled.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, flags } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    proptest! {
        #[test]
        fn a_context_is_read_back_as_it_was_written(
            trace_id in 1..u128::MAX, span_id in 1..u64::MAX, flags: u8,
        ) {
            let context = TraceContext { trace_id, span_id, flags };
            prop_assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
            prop_assert_eq!(context.traceparent(), context.to_string());
            prop_assert_eq!(context.traceparent().len(), LENGTH);
            let (of_it, other) = (SagaId(Uuid::from_u128(trace_id)), SagaId(Uuid::nil()));
            for (saga, length) in [(None, 34), (Some(other), 34), (Some(of_it), 12)] {
                let packed = context.packed(saga);
                prop_assert_eq!(packed.len(), length);
                prop_assert_eq!(TraceContext::unpack(&packed, saga), Some(context));
            }
            prop_assert_eq!(TraceContext::unpack(&context.packed(Some(of_it)), None), None);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text: String) {
            if let Some(context) = TraceContext::parse(&text) {
                prop_assert!(context.to_string().eq_ignore_ascii_case(&text) || !text.starts_with("00"));
            }
            if let Some(context) = TraceContext::unpack(&text, None) {
                prop_assert_eq!(context.packed(None), text);
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
}
