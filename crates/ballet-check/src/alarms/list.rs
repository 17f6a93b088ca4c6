//! The alarms that every service deserves.

use crate::alarms::alarm::{Alarm, Severity};
use crate::alarms::condition::{Bound, Condition, Figure};

/// The value of a metric of one process.
const fn of_process(metric: &'static str, bound: Bound) -> Condition {
    Condition { metric, labels: &[], figure: Figure::Value, is_shared: false, bound }
}

/// The value of a metric that all replicas report alike.
const fn of_service(metric: &'static str, bound: Bound) -> Condition {
    Condition { is_shared: true, ..of_process(metric, bound) }
}

const fn with(condition: Condition, labels: &'static [(&'static str, &'static str)]) -> Condition {
    Condition { labels, ..condition }
}

/// The alarms that every service deserves, the worst first.
pub(crate) const ALARMS: &[Alarm] = &[
    Alarm {
        name: "BalletDeadLetters",
        severity: Severity::Critical,
        condition: of_service("ballet_dead_queue_messages", Bound::Above(0.0)),
        minutes: 0,
        summary: "has dead letters: their sagas go on only when somebody acts",
        action: "`ballet dlq groups` has the reasons; mend the cause, then `ballet dlq redrive`",
    },
    Alarm {
        name: "BalletSagasStuck",
        severity: Severity::Critical,
        condition: with(
            of_service("ballet_sagas_stuck", Bound::Above(0.0)),
            &[("tried_again", "no")],
        ),
        minutes: 0,
        summary: "has sagas that wait for a person, because a handler failed for good",
        action: "`ballet sagas stuck` lists them with the reasons",
    },
    Alarm {
        name: "BalletUnpublishableEvents",
        severity: Severity::Critical,
        condition: of_service("ballet_outbox_dead", Bound::Above(0.0)),
        minutes: 0,
        summary: "has committed events that can never be published as they are",
        action: "`ballet outbox list` has the reasons; mend the cause, then `ballet outbox retry`",
    },
    Alarm {
        name: "BalletBindingMissing",
        severity: Severity::Critical,
        condition: of_process("ballet_binding_missing", Bound::Above(0.0)),
        minutes: 0,
        summary: "misses events, or has them not recorded in the journal, because the broker lacks a \
                  binding",
        action: "`ballet topology apply`; `/readyz` has the command that sends what was missed",
    },
    Alarm {
        name: "BalletQueueDiffers",
        severity: Severity::Critical,
        condition: of_process("ballet_queue_differs", Bound::Above(0.0)),
        minutes: 0,
        summary: "needs a queue that is missing or stands still, is of another kind, or under a policy that is \
                  not declared: it may lose messages",
        action: "`ballet topology check` and `ballet doctor` say what is wrong and how to mend it",
    },
    Alarm {
        name: "BalletEventsReturned",
        severity: Severity::Critical,
        condition: Condition {
            figure: Figure::IncreaseIn(5),
            ..of_process("ballet_returned_total", Bound::Above(0.0))
        },
        minutes: 0,
        summary: "publishes events for which the broker has no queue; they are tried again",
        action: "`ballet topology check`, then `ballet topology apply`",
    },
    Alarm {
        name: "BalletPublishingHeld",
        severity: Severity::Critical,
        condition: of_process("ballet_publish_held", Bound::Above(0.0)),
        minutes: 1,
        summary: "holds events back, because an exchange or a right is missing at the broker",
        action: "`/readyz` says which; `ballet topology check`, and compare the user's rights with \
                 `broker/definitions.json`",
    },
    Alarm {
        name: "BalletOutboxOld",
        severity: Severity::Critical,
        condition: of_process("ballet_outbox_oldest_seconds", Bound::Above(60.0)),
        minutes: 1,
        summary: "has committed events that the broker does not take; they wait on the disk of the \
                  database",
        action: "look at the broker: is it away, or blocked by an alarm of memory or disk? `/readyz` \
                 has the reason",
    },
    Alarm {
        name: "BalletConsumingStopped",
        severity: Severity::Critical,
        condition: with(of_process("ballet_connected", Bound::Below(1.0)), &[("role", "consume")]),
        minutes: 1,
        summary: "takes no messages: its database is away, so it is paused, or it has no connection \
                  to the broker",
        action: "`/readyz` says which of the two",
    },
    Alarm {
        name: "BalletPublishingStopped",
        severity: Severity::Critical,
        condition: with(of_process("ballet_connected", Bound::Below(1.0)), &[("role", "publish")]),
        minutes: 1,
        summary: "publishes nothing: it has no connection to the broker, or the broker has an alarm \
                  of memory or disk",
        action: "`/readyz` says which of the two",
    },
    Alarm {
        name: "BalletMessagesStandStill",
        severity: Severity::Critical,
        condition: of_process("ballet_unsettled_oldest_seconds", Bound::Above(300.0)),
        minutes: 0,
        summary: "has a message that is neither handled nor set aside",
        action: "its log says what it waits for; a restart delivers the message again",
    },
    Alarm {
        name: "BalletHandlerBlocks",
        severity: Severity::Critical,
        condition: of_process("ballet_worker_held_seconds", Bound::Above(0.0)),
        minutes: 0,
        summary: "has a step that blocks its thread, or calculates for long; other work waits for it",
        action: "the label `step` names it: give such work to a thread of its own, or make it a call",
    },
    Alarm {
        name: "BalletClockDifference",
        severity: Severity::Critical,
        condition: Condition {
            figure: Figure::Distance,
            ..of_process("ballet_clock_difference_seconds", Bound::Above(60.0))
        },
        minutes: 1,
        summary: "has another time than its database, and removes nothing old meanwhile",
        action: "look at NTP on the host of the process and on that of the database",
    },
    Alarm {
        name: "BalletSagasFailing",
        severity: Severity::Warning,
        condition: with(
            of_service("ballet_sagas_stuck", Bound::Above(0.0)),
            &[("tried_again", "yes")],
        ),
        minutes: 10,
        summary: "has steps, compensations or calls to the outside that fail again and again",
        action: "`ballet sagas stuck` has the reasons; look whether a provider is away",
    },
    Alarm {
        name: "BalletQueueBehind",
        severity: Severity::Warning,
        condition: of_process("ballet_queue_behind_seconds", Bound::Above(60.0)),
        minutes: 5,
        summary: "does not keep up with its queue",
        action: "is it slow, or are the messages too many? Start another replica",
    },
    Alarm {
        name: "BalletIdsReused",
        severity: Severity::Warning,
        condition: Condition {
            figure: Figure::IncreaseIn(5),
            ..of_process("ballet_reused_ids_total", Bound::Above(0.0))
        },
        minutes: 0,
        summary: "gets messages with used ids and other bodies, which have no effect",
        action: "its log names them and their publisher, which has to give each message an id of its own",
    },
    Alarm {
        name: "BalletCopiesBehind",
        severity: Severity::Warning,
        condition: of_process("ballet_copies_behind_seconds", Bound::Above(60.0)),
        minutes: 5,
        summary: "answers from copies that are behind their owners",
        action: "`/readyz` has the figures in `copies`",
    },
    Alarm {
        name: "BalletCopyEmpty",
        severity: Severity::Warning,
        condition: of_process("ballet_copy_filled", Bound::Below(1.0)),
        minutes: 15,
        summary: "has a copy that was never filled",
        action: "does its owner run? `ballet copies list`",
    },
    Alarm {
        name: "BalletCopiesOfMessagesUnsent",
        severity: Severity::Warning,
        condition: of_service("ballet_copies_unsent", Bound::Above(0.0)),
        minutes: 15,
        summary: "keeps dead letters or delayed messages that the broker does not take",
        action: "the table `ballet.unsent_copy` has the reasons in `why`",
    },
    Alarm {
        name: "BalletBindingsNotCompared",
        severity: Severity::Warning,
        condition: of_process("ballet_bindings_compared", Bound::Below(1.0)),
        minutes: 10,
        summary: "would not notice a missing binding: the management API does not answer it",
        action: "check `RABBITMQ_MANAGEMENT_URL`, and that the user has the tag `management`",
    },
];
