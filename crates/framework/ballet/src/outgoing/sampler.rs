//! Which traces are collected.

use ballet_store::trace_context::{SAMPLED, TraceContext};

/// A share of traces goes by the trace's id, so all services of one share choose the same ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampler {
    follows_parent: bool,
    share: f64,
}

impl Sampler {
    /// All traces, but those that somebody before has left out.
    pub(crate) const PARENT_BASED: Self = Self { follows_parent: true, share: 1.0 };

    /// Returns the sampler of this name in OpenTelemetry's specification.
    pub(crate) fn named(name: &str, ratio: f64) -> Option<Self> {
        let parent_based = name.strip_prefix("parentbased_");
        let share = match parent_based.unwrap_or(name) {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => ratio,
            _ => return None,
        };
        Some(Self { follows_parent: parent_based.is_some(), share })
    }

    /// Marks a span's context as sampled or not. `given` is the context that it follows from.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    pub(crate) fn mark(self, given: Option<TraceContext>, context: TraceContext) -> TraceContext {
        if self.follows_parent && given.is_some() {
            return context;
        }
        // A saga's id begins with the time, and ends with what is random.
        let place = f64::from(context.trace_id as u32) / 2_f64.powi(32);
        let others = context.flags & !SAMPLED;
        let flags = if place < self.share { others | SAMPLED } else { others };
        TraceContext { flags, ..context }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN: TraceContext = TraceContext { trace_id: (7 << 64) | 1, span_id: 2, flags: 1 };
    const OUT: TraceContext =
        TraceContext { trace_id: (7 << 64) | 0xf000_0000, span_id: 2, flags: 0 };

    #[test]
    fn each_sampler_of_the_specification_chooses_its_traces() {
        // Of a new trace with a low and a high id, and of traces that were taken and left out before.
        for (name, expected) in [
            ("always_on", [true; 4]),
            ("always_off", [false; 4]),
            ("traceidratio", [true, false, false, true]),
            ("parentbased_always_on", [true, true, true, false]),
            ("parentbased_always_off", [false, false, true, false]),
            ("parentbased_traceidratio", [true, false, true, false]),
        ] {
            let sampler = Sampler::named(name, 0.5).expect(name);
            let begun = |context| sampler.mark(None, context).is_sampled();
            let given = |context| sampler.mark(Some(context), context).is_sampled();
            let taken = TraceContext { flags: 1, ..OUT };
            let left_out = TraceContext { flags: 0, ..IN };
            assert_eq!([begun(IN), begun(OUT), given(taken), given(left_out)], expected, "{name}");
        }
        assert_eq!(Sampler::named("jaeger_remote", 1.0), None);
    }
}
