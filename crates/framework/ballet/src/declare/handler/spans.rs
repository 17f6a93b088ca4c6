//! The spans of what a service does. A trace is passed on even if no spans are collected.

use ballet_store::trace_context::{SAMPLED, TraceContext};
use uuid::Uuid;

use crate::declare::handler::clock::Clock;

/// Starts a trace. The trace of a saga has the saga's id, so one can be found by the other.
pub(crate) fn root(id: Option<Uuid>, clock: &Clock) -> TraceContext {
    let drawn = || (u128::from(clock.new_span_id()) << 64) | u128::from(clock.new_span_id());
    let given = id.map(|id| id.as_u128()).filter(|id| *id != 0);
    let trace_id = given.unwrap_or_else(drawn);
    TraceContext { trace_id, span_id: clock.new_span_id(), flags: SAMPLED }
}

pub(crate) fn child(context: TraceContext, clock: &Clock) -> TraceContext {
    TraceContext { span_id: clock.new_span_id(), ..context }
}

/// Returns a child of the given span, or a new trace if there is none.
pub(crate) fn after(given: Option<TraceContext>, id: Uuid, clock: &Clock) -> TraceContext {
    given.map_or_else(|| root(Some(id), clock), |given| child(given, clock))
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
        fn a_child_is_another_span_of_the_same_trace(
            trace_id in 1..u128::MAX, span_id in 1..u64::MAX, flags: u8, seed: u64,
        ) {
            let (context, clock) = (TraceContext { trace_id, span_id, flags }, clock(seed));
            let (child, sibling) = (child(context, &clock), child(context, &clock));
            prop_assert_eq!((child.trace_id, child.flags), (trace_id, flags));
            prop_assert!(child.span_id != span_id && child.span_id != sibling.span_id);
        }
    }

    #[test]
    fn a_trace_that_begins_has_the_sagas_id_and_is_sampled() {
        let (saga, clock) = (Uuid::from_u128(7), clock(1));
        let begun = after(None, saga, &clock);
        assert_eq!(begun.trace_id, saga.as_u128());
        assert!(begun.is_sampled());
        let given = TraceContext::parse(GIVEN);
        let child = after(given, saga, &clock);
        assert_eq!(Some(child.trace_id), given.map(|given| given.trace_id));
        assert_ne!(root(Some(Uuid::nil()), &clock).trace_id, 0, "zeros are no id");
    }
}
