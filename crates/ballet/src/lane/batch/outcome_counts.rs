//! The outcomes of messages, counted for the metrics.

use crate::engine::effect::Effect;

/// The outcomes of messages; they count once the transaction has committed.
#[derive(Default)]
pub(crate) struct OutcomeCounts(Vec<(&'static str, &'static str)>);

impl OutcomeCounts {
    pub(crate) fn add(&mut self, event_type: &'static str, outcome: &'static str) {
        self.0.push((event_type, outcome));
    }

    pub(crate) fn handled(&mut self, event_type: &'static str, effect: Effect) {
        self.add(event_type, effect.as_str());
    }

    pub(crate) fn publish(self) {
        for (event_type, outcome) in self.0 {
            ballet_amqp::counter!("ballet_messages_total", "type" => event_type, "outcome" => outcome)
                .increment(1);
        }
    }
}
