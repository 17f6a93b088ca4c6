//! The metrics of a service.

use ballet_core::topology::RETRIES;
use ballet_core::{Part, Reason};

use crate::engine::caller;
use crate::telemetry::series;

/// The roles at the broker, as labels.
pub(super) const CONSUME: &str = "consume";
pub(super) const PUBLISH: &str = "publish";
pub(super) const PUBLISH_TELEMETRY: &str = "publish_telemetry";

const COUNTERS: [&str; 18] = [
    "ballet_acks_total",
    "ballet_confirmed_total",
    "ballet_conflicts_total",
    "ballet_deadlines_passed_total",
    "ballet_deliveries_total",
    "ballet_nacked_total",
    "ballet_outbox_events_total",
    "ballet_outbox_truncations_total",
    "ballet_packs_total",
    "ballet_published_total",
    "ballet_refused_uncopied_total",
    "ballet_republished_total",
    "ballet_returned_total",
    "ballet_reused_ids_total",
    "ballet_settled_total",
    "ballet_spans_exported_total",
    "ballet_splits_total",
    "ballet_unpublishable_total",
];
const GAUGES: [&str; 13] = [
    "ballet_bindings_compared",
    "ballet_calls_held",
    "ballet_calls_open",
    "ballet_clock_difference_seconds",
    "ballet_dead_queue_messages",
    "ballet_outbox_dead",
    "ballet_outbox_oldest_seconds",
    "ballet_outbox_unpublished",
    "ballet_queue_behind_seconds",
    "ballet_queue_members",
    "ballet_queue_messages",
    "ballet_ready",
    "ballet_unsettled_oldest_seconds",
];
const HISTOGRAMS: [&str; 5] = [
    "ballet_batch_size",
    "ballet_deadline_late_seconds",
    "ballet_pack_size",
    "ballet_publish_to_commit_seconds",
    "ballet_transaction_seconds",
];

/// Registers what this service counts and measures, so that each begins at zero. Otherwise the first
/// event of a kind would be no increase to Prometheus, and no alarm would ring for it.
pub(super) fn begin(part: &Part) {
    COUNTERS.iter().for_each(|name| drop(metrics::counter!(*name)));
    GAUGES.iter().for_each(|name| drop(metrics::gauge!(*name)));
    HISTOGRAMS.iter().for_each(|name| drop(metrics::histogram!(*name)));
    for event in part.consumes() {
        for outcome in ["handled", "refused", "nothing", "duplicate"] {
            let counter = metrics::counter!("ballet_messages_total", "type" => event.name(),
                "outcome" => outcome);
            drop(counter);
        }
    }
    for reason in Reason::ALL {
        drop(metrics::counter!("ballet_dead_letters_total", "reason" => reason.code()));
    }
    for then in ["again"].into_iter().chain(RETRIES.map(|(queue, _)| queue)) {
        drop(metrics::counter!("ballet_failures_total", "then" => then));
    }
    for step in
        part.sagas.iter().flat_map(|saga| &saga.steps).filter(|step| step.runs.is_answered_later())
    {
        for outcome in ["answered", "failed", "not_yet"] {
            drop(caller::counted(step.name, outcome));
        }
    }
    series::begin(part);
    let publishers = [PUBLISH].into_iter().chain(
        // It has a connection of its own.
        (!part.telemetry.is_empty()).then_some(PUBLISH_TELEMETRY),
    );
    for role in publishers.clone() {
        drop(metrics::gauge!("ballet_publish_held", "role" => role));
        drop(metrics::gauge!("ballet_publish_in_flight", "role" => role));
    }
    for role in publishers.chain([CONSUME]) {
        drop(metrics::gauge!("ballet_connected", "role" => role));
        drop(metrics::counter!("ballet_reconnects_total", "role" => role));
    }
    for why in ["queue", "export"] {
        drop(metrics::counter!("ballet_spans_dropped_total", "why" => why));
    }
    for tried_again in ["yes", "no"] {
        drop(metrics::gauge!("ballet_sagas_stuck", "tried_again" => tried_again));
    }
    if !part.copies.is_empty() {
        drop(metrics::gauge!("ballet_copies_behind_events"));
        drop(metrics::gauge!("ballet_copies_behind_seconds"));
    }
    for copy in &part.copies {
        drop(metrics::gauge!("ballet_copy_filled", "entity" => copy.entity));
    }
}
