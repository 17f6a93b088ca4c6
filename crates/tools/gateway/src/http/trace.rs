//! The trace that a request belongs to (W3C Trace Context).

use std::fmt;

use hyper::HeaderMap;
use hyper::header::HeaderName;

use crate::http::headers::{set, single};
use crate::http::ids::random_number;

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

/// The gateway's own `traceparent`, with the request's `tracestate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestTrace {
    trace_id: u128,
    span_id: u64,
    flags: u8,
    state: Option<String>,
}

impl RequestTrace {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = single(headers, PARENT).ok().flatten().and_then(parse);
        let Some((trace_id, flags)) = given else {
            let trace_id = u128::from(random_number()) << 64 | u128::from(random_number());
            return Self { trace_id, span_id: random_number(), flags: 1, state: None };
        };
        // A `tracestate` is valid only with its `traceparent`.
        let state = single(headers, STATE).ok().flatten();
        let state = state.filter(|state| state.len() <= 512).map(str::to_owned);
        Self { trace_id, span_id: random_number(), flags, state }
    }

    pub(crate) fn id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        set(headers, PARENT, &self.to_string());
        if let Some(state) = &self.state {
            set(headers, STATE, state);
        }
    }
}

impl fmt::Display for RequestTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

fn parse(text: &str) -> Option<(u128, u8)> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let sizes = (version.len(), trace.len(), parent.len(), flags.len()) == (2, 32, 16, 2);
    // Version 00 has four parts, a later one perhaps more, and 255 is no version.
    let whole = version != "00" || parts.next().is_none();
    if !lower || !sizes || !whole || version == "ff" {
        return None;
    }
    let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
    let parent = u64::from_str_radix(parent, 16).ok()?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    (parent != 0).then_some((trace_id, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_context_is_taken_on() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(parse(good), Some((0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 1)));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
