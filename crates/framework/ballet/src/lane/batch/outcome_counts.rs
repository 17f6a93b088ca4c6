//! The outcomes of messages, counted for the metrics.

use std::collections::BTreeMap;

use crate::engine::effect::Effect;

/// How many messages of a type had an outcome; they count once the transaction has committed.
#[derive(Default)]
pub(crate) struct OutcomeCounts(BTreeMap<(&'static str, &'static str), u64>);

impl OutcomeCounts {
    pub(crate) fn add(&mut self, event_type: &'static str, outcome: &'static str) {
        *self.0.entry((event_type, outcome)).or_default() += 1;
    }

    pub(crate) fn handled(&mut self, event_type: &'static str, effect: Effect) {
        self.add(event_type, effect.as_str());
    }

    pub(crate) fn publish(self) {
        for ((event_type, outcome), count) in self.0 {
            metrics::counter!("ballet_messages_total", "type" => event_type, "outcome" => outcome)
                .increment(count);
        }
    }
}
