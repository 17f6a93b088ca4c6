//! How works leave whose transaction was committed.

use crate::engine::engine::Engine;
use crate::lane::fallback::end_span;
use crate::lane::message::message::{LaneMessage, LaneWork};

pub(super) fn settle(engine: &Engine, works: Vec<LaneWork>) {
    let now = engine.time.clock.now();
    let ages = metrics::histogram!("ballet_publish_to_commit_seconds");
    let mut newest = None;
    for work in works {
        match work {
            LaneWork::Message(message) => {
                if let Some(made) = message.made_at() {
                    let age = now.duration_since(made).as_secs_f64().max(0.0);
                    ages.record(age);
                    newest = newest.max(Some(made));
                }
                let outcome = if message.is_duplicate { "duplicate" } else { "settled" };
                if message.reuses_id {
                    report_reused_id(&message);
                }
                end_span(engine, &message, Ok(outcome));
                message.receipt.settle();
            }
            LaneWork::Answer(answer) => drop(answer),
        }
    }
    if let Some(newest) = newest {
        engine.handlers.last_work.handled(newest);
    }
}

/// Reports an id that came again with another body, which has no effect.
fn report_reused_id(message: &LaneMessage) {
    metrics::counter!("ballet_reused_ids_total").increment(1);
    let publisher = message.envelope.app_id.as_deref().unwrap_or("unknown: there is no `app_id`");
    message.span().in_scope(|| {
        tracing::warn!(
            publisher,
            "a message with another body, or of another type, came under an id that was handled \
             before: it has no effect. Its publisher has to give each message a new `message_id`; \
             if this one is wanted, publish it under a new id"
        );
    });
}
