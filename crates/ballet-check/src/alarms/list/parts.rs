//! Alarms about the duties of a service: to be ready, take messages, publish, handle.

use ballet_core::Cause;

use crate::alarms::alarm::Severity::{Critical, Warning};
use crate::alarms::alarm::{Alarm, AlarmCause};
use crate::alarms::list::causes::{
    BROKER_AWAY, CUT_OFF, DISCONNECTED, HELD, QUEUE_DIFFERS, STANDS_STILL,
};

pub(super) const ALARMS: &[Alarm] = &[
    Alarm {
        name: "BalletConsumingStopped",
        cause: Cause::Paused,
        severity: Critical,
        rings: "min by (job) (ballet_connected{role=\"consume\"}) < 1",
        unless: &[BROKER_AWAY, CUT_OFF, QUEUE_DIFFERS],
        minutes: 1,
        summary: "{job} takes no messages: it is paused, since its database is away, or its telemetry is not followed yet; or its queue is refused to it",
        action: "`/readyz` says which",
    },
    Alarm {
        name: "BalletPublishingStopped",
        cause: Cause::Broker,
        severity: Critical,
        rings: "min by (job) (ballet_connected{role=\"publish\"}) < 1",
        unless: &[BROKER_AWAY],
        minutes: 1,
        summary: "{job} does not reach the broker, while others do, or a node has an alarm of memory or disk",
        action: "`/readyz` has the reason: its login, its certificate, the network, or the alarm",
    },
    Alarm {
        name: "BalletNotReady",
        cause: Cause::Ready,
        severity: Critical,
        rings: "min by (job) (ballet_ready or gateway_ready) < 1",
        unless: &[
            DISCONNECTED,
            HELD,
            STANDS_STILL,
            AlarmCause {
                on: "job",
                holds: "ballet_queue_differs > 0 or ballet_binding_missing > 0",
            },
        ],
        minutes: 1,
        summary: "{job} is not ready, for a reason that no other alarm has",
        action: "`/readyz` says which part: a start that waits, a database that is full or whose tables are \
                 locked or gone, the gateway's keys",
    },
    Alarm {
        name: "BalletEventsReturned",
        cause: Cause::Binding,
        severity: Critical,
        rings: "sum by (job) (increase(ballet_returned_total[5m])) > 0",
        unless: &[AlarmCause { on: "", holds: "max(ballet_binding_missing) > 0" }],
        minutes: 0,
        summary: "{job} publishes events for which the broker has no queue; they are tried again",
        action: "`ballet topology check`, then `ballet topology apply`",
    },
    Alarm {
        name: "BalletPublishingHeld",
        cause: Cause::Publishing,
        severity: Critical,
        rings: "max by (job) (ballet_publish_held{role=\"publish\"}) > 0",
        unless: &[BROKER_AWAY, CUT_OFF],
        minutes: 1,
        summary: "{job} holds events back, because an exchange or a right is missing at the broker, or a \
                  queue confirms nothing",
        action: "`/readyz` says which, or the log; `ballet doctor`, `ballet topology check`, and compare the \
                 user's rights with `broker/definitions.json`",
    },
    Alarm {
        name: "BalletTelemetryNotTaken",
        cause: Cause::Telemetry,
        severity: Critical,
        rings: "sum by (job, type) (increase(ballet_telemetry_published_total{outcome!=\"confirmed\"}[5m])) > 0",
        unless: &[
            BROKER_AWAY,
            CUT_OFF,
            AlarmCause {
                on: "job, type",
                holds: "sum by (job, type) \
                        (increase(ballet_telemetry_published_total{outcome=\"confirmed\"}[5m])) > 0",
            },
        ],
        minutes: 1,
        summary: "{job} publishes {type}, and the broker takes none of it: the requests that measure fail",
        action: "`/readyz` says whether it is connected for it (`publish_telemetry`); `ballet topology check`, and compare \
                 the user's rights with `broker/definitions.json`",
    },
    Alarm {
        name: "BalletOutboxOld",
        cause: Cause::Publishing,
        severity: Critical,
        rings: "max by (job) (ballet_outbox_oldest_seconds) > 60",
        unless: &[BROKER_AWAY, CUT_OFF, HELD],
        minutes: 1,
        summary: "{job} has committed events that the broker does not take; they wait on the disk of the \
                  database",
        action: "`/readyz` has the reason",
    },
    Alarm {
        name: "BalletMessagesStandStill",
        cause: Cause::Standstill,
        severity: Critical,
        rings: "max by (job) (ballet_unsettled_oldest_seconds) > 300",
        unless: &[],
        minutes: 0,
        summary: "{job} has a message that is neither handled nor set aside",
        action: "its log says what it waits for; a restart delivers the message again",
    },
    Alarm {
        name: "BalletClockDifference",
        cause: Cause::Clock,
        severity: Critical,
        rings: "abs(ballet_clock_difference_seconds) > 60",
        unless: &[],
        minutes: 1,
        summary: "{job} has another time than its database, and removes nothing old meanwhile",
        action: "look at NTP on the host of the process and on that of the database",
    },
    Alarm {
        name: "BalletQueueBehind",
        cause: Cause::Lag,
        severity: Warning,
        rings: "max by (job) (ballet_queue_behind_seconds) > 60",
        unless: &[STANDS_STILL],
        minutes: 5,
        summary: "{job} does not keep up with its queue; if it keeps copies, it answers from old ones",
        action: "is it slow, or are the messages too many? Start another replica. `/readyz` has the figures \
                 in `copies`",
    },
    Alarm {
        name: "BalletTelemetryBehind",
        cause: Cause::Telemetry,
        severity: Warning,
        rings: "max by (job, reader) (ballet_telemetry_lag_seconds) > 300",
        unless: &[],
        minutes: 5,
        summary: "the reader {reader} of {job} is minutes behind its telemetry, or stands still",
        action: "`ballet telemetry list` says where, and why; replicas share the partitions",
    },
    Alarm {
        name: "BalletTelemetryNotFollowed",
        cause: Cause::Telemetry,
        severity: Warning,
        rings: "max by (job, instance, reader) (ballet_telemetry_follow_lag_seconds) > 30",
        unless: &[],
        minutes: 1,
        summary: "the process {instance} of {job} answers from old telemetry: {reader} does not keep up",
        action: "is it slow, or does it stand still? Its log and its `/readyz` say more; every process follows all, so \
                 another replica takes nothing off it",
    },
    Alarm {
        name: "BalletTelemetryMissed",
        cause: Cause::Telemetry,
        severity: Warning,
        rings: "sum by (job, reader) (increase(ballet_telemetry_missed_total[1h])) > 0",
        unless: &[],
        minutes: 0,
        summary: "the reader {reader} of {job} was away for longer than the stream keeps, or the stream was made anew",
        action: "`ballet telemetry list` says what it missed",
    },
];
