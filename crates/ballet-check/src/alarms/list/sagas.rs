//! Alarms about sagas that wait for a person, for a provider, or for data.

use ballet_core::Cause;

use crate::alarms::alarm::Severity::{Critical, Warning};
use crate::alarms::alarm::{Alarm, AlarmCause};
use crate::alarms::list::causes::BROKER_AWAY;

pub(super) const ALARMS: &[Alarm] = &[
    Alarm {
        name: "BalletDeadLetters",
        cause: Cause::DeadLetters,
        severity: Critical,
        rings: "max by (job) (ballet_dead_queue_messages) > 0",
        unless: &[],
        minutes: 0,
        summary: "{job} has dead letters: their sagas go on only when somebody acts",
        action: "`ballet dlq groups` has the reasons; mend the cause, then `ballet dlq redrive`",
    },
    Alarm {
        name: "BalletSagasStuck",
        cause: Cause::Stuck,
        severity: Critical,
        rings: "max by (job) (ballet_sagas_stuck{tried_again=\"no\"}) > 0",
        // A dead letter of a handler fits both alarms.
        unless: &[AlarmCause { on: "job", holds: "ballet_dead_queue_messages > 0" }],
        minutes: 0,
        summary: "{job} has sagas that wait for a person, because a call to the outside is set aside",
        action: "`ballet sagas stuck` lists them with the reasons",
    },
    Alarm {
        name: "BalletUnpublishableEvents",
        cause: Cause::Outbox,
        severity: Critical,
        rings: "max by (job) (ballet_outbox_dead) > 0",
        unless: &[],
        minutes: 0,
        summary: "{job} has committed events that can never be published as they are",
        action: "`ballet outbox list` has the reasons; mend the cause, then `ballet outbox retry`",
    },
    Alarm {
        name: "BalletProviderAway",
        cause: Cause::Provider,
        severity: Critical,
        // Calls that have failed for long wait five minutes between two attempts: a shorter window would see none.
        rings: "sum by (job, step) (increase(ballet_calls_total{outcome=\"failed\"}[7m])) > 0",
        unless: &[
            AlarmCause {
                on: "job, step",
                holds: "sum by (job, step) (increase(ballet_calls_total{outcome!=\"failed\"}[4m])) > 0",
            },
            // It was back, and nobody has called it since: what failed before rings no second time.
            AlarmCause {
                on: "job, step",
                holds: "sum by (job, step) (increase(ballet_calls_total{outcome!=\"failed\"}[7m])) > 0 \
                        unless on (job, step) \
                        (sum by (job, step) (increase(ballet_calls_total{outcome=\"failed\"}[4m])) > 0)",
            },
        ],
        minutes: 1,
        summary: "the provider that {step} of {job} calls has answered nothing for five minutes",
        action: "look whether the provider is away, or refuses us: `ballet sagas stuck` has the reasons. Calls \
                 are made again by themselves",
    },
    Alarm {
        name: "BalletSagasFailing",
        cause: Cause::Stuck,
        severity: Warning,
        rings: "max by (job) (ballet_sagas_stuck{tried_again=\"yes\"}) > 0",
        unless: &[AlarmCause {
            on: "job",
            holds: "sum by (job, step) (increase(ballet_calls_total{outcome=\"failed\"}[7m])) > 0 \
                    unless on (job, step) \
                    (sum by (job, step) (increase(ballet_calls_total{outcome!=\"failed\"}[4m])) > 0)",
        }],
        minutes: 10,
        summary: "{job} has steps, compensations or calls to the outside that fail again and again",
        action: "`ballet sagas stuck` has the reasons",
    },
    Alarm {
        name: "BalletIdsReused",
        cause: Cause::Ids,
        severity: Warning,
        rings: "sum by (job) (increase(ballet_reused_ids_total[5m])) > 0",
        unless: &[],
        minutes: 0,
        summary: "{job} gets messages with used ids and other bodies, which have no effect",
        action: "its log names them and their publisher, which has to give each message an id of its own",
    },
    Alarm {
        name: "BalletCopyEmpty",
        cause: Cause::Copies,
        severity: Warning,
        rings: "min by (job, entity) (ballet_copy_filled) < 1",
        unless: &[],
        minutes: 15,
        summary: "{job} has a copy of {entity} that was never filled",
        action: "does its owner run? `ballet copies list`",
    },
    Alarm {
        name: "BalletCopiesOfMessagesUnsent",
        cause: Cause::Publishing,
        severity: Warning,
        rings: "max by (job) (ballet_copies_unsent) > 0",
        unless: &[BROKER_AWAY],
        minutes: 15,
        summary: "{job} keeps dead letters or delayed messages that the broker does not take",
        action: "the table `ballet.unsent_copy` has the reasons in `why`",
    },
];
