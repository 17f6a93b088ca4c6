//! The causes that explain other alarms.

use crate::alarms::alarm::AlarmCause;

/// No service at all reaches the broker.
pub(super) const BROKER_AWAY: AlarmCause =
    AlarmCause { on: "", holds: "max(ballet_connected{role=\"publish\"}) < 1" };

/// No process of the service answers.
pub(super) const DOWN: AlarmCause = AlarmCause { on: "job", holds: "max by (job) (up) < 1" };

/// The service does not reach the broker.
pub(super) const CUT_OFF: AlarmCause =
    AlarmCause { on: "job", holds: "ballet_connected{role=\"publish\"} < 1" };

/// The service takes no messages, or publishes none.
pub(super) const DISCONNECTED: AlarmCause =
    AlarmCause { on: "job", holds: "ballet_connected{role=~\"consume|publish\"} < 1" };

/// The service's own queue is missing or stands still.
pub(super) const QUEUE_DIFFERS: AlarmCause = AlarmCause {
    on: "job",
    holds: "label_replace(ballet_queue_differs > 0, \"job\", \"$1\", \"queue\", \"(.+)\")",
};

/// A message is neither handled nor set aside.
pub(super) const STANDS_STILL: AlarmCause =
    AlarmCause { on: "job", holds: "ballet_unsettled_oldest_seconds > 300" };

/// Events wait for an exchange or a permission.
pub(super) const HELD: AlarmCause =
    AlarmCause { on: "job", holds: "ballet_publish_held{role=\"publish\"} > 0" };

/// The service is not ready.
pub(super) const UNREADY: AlarmCause = AlarmCause { on: "job", holds: "ballet_ready < 1" };
