//! Alarms about the foundations of services: processes, the broker and its objects, the gateway.

use ballet_core::Cause;

use crate::alarms::alarm::Severity::{Critical, Warning};
use crate::alarms::alarm::{Alarm, AlarmCause};
use crate::alarms::list::causes::{BROKER_AWAY, DISCONNECTED, DOWN, UNREADY};

pub(super) const ALARMS: &[Alarm] = &[
    Alarm {
        name: "BalletBrokerAway",
        cause: Cause::Broker,
        severity: Critical,
        rings: "max(ballet_connected{role=\"publish\"}) < 1",
        unless: &[],
        minutes: 1,
        summary: "no service reaches the broker, or it has an alarm of memory or disk: no saga goes on",
        action: "look at the broker: its nodes, its memory, its disk. `/readyz` of any service has the \
                 reason. Services go on by themselves when it is back",
    },
    Alarm {
        name: "BalletServiceDown",
        cause: Cause::Process,
        severity: Critical,
        rings: "max by (job) (up) < 1",
        unless: &[AlarmCause {
            on: "job",
            holds: "label_replace(max(ballet_connected{role=\"publish\"}) < 1, \"job\", \"rabbitmq\", \
                    \"\", \"\")",
        }],
        minutes: 1,
        summary: "{job} has no process that answers: all are dead, or hang",
        action: "look at its log and start it again. Its messages wait in its queue",
    },
    Alarm {
        name: "BalletQueueUnread",
        cause: Cause::Lag,
        severity: Critical,
        // A queue with a dead-letter queue beside it belongs to a service.
        rings: "label_replace(max by (vhost, queue) (rabbitmq_detailed_queue_consumers) < 1, \
                \"job\", \"$1\", \"queue\", \"(.+)\") and on (vhost, job) \
                label_replace(rabbitmq_detailed_queue_consumers{queue=~\".+[.]dead\"}, \
                \"job\", \"$1\", \"queue\", \"(.+)[.]dead\")",
        unless: &[DOWN, DISCONNECTED],
        minutes: 1,
        summary: "nobody reads the queue {queue}: {job} does not run, or Prometheus does not know it",
        action: "start the service. `ballet doctor` says since when its messages wait",
    },
    Alarm {
        name: "BalletJournalGone",
        cause: Cause::Journal,
        severity: Critical,
        rings: "max(ballet_queue_differs{queue=\"journal\"}) > 0",
        unless: &[],
        minutes: 0,
        summary: "the journal is missing or stands still, or a policy makes it lose events",
        action: "back up the databases at once: what is not in the journal is sent again from ledgers alone. Then \
                 `ballet doctor` says what is wrong; `ballet topology repair` makes it anew, and sends what was missed",
    },
    Alarm {
        name: "BalletQueueDiffers",
        cause: Cause::Queue,
        severity: Critical,
        rings: "max by (queue) (ballet_queue_differs{queue!=\"journal\"}) > 0",
        unless: &[],
        minutes: 0,
        summary: "the queue {queue} is missing or stands still, is of another kind, or under a policy that \
                  is not declared: messages may be lost",
        action: "`ballet topology check` and `ballet doctor` say what is wrong and how to mend it",
    },
    Alarm {
        name: "BalletBindingMissing",
        cause: Cause::Binding,
        severity: Critical,
        rings: "max by (exchange, to, key) (ballet_binding_missing) > 0",
        unless: &[AlarmCause {
            on: "to",
            holds: "label_replace(ballet_queue_differs > 0, \"to\", \"$1\", \"queue\", \"(.+)\")",
        }],
        minutes: 0,
        summary: "{to} misses the events {key}, because the broker lacks a binding of {exchange}",
        action: "`ballet topology repair` creates it, and sends what was missed and what is in `unrouted`",
    },
    Alarm {
        name: "BalletEventsUnrouted",
        cause: Cause::Unrouted,
        severity: Critical,
        rings: "max by (vhost) (rabbitmq_detailed_queue_messages{queue=\"unrouted\"}) > 0",
        unless: &[],
        minutes: 0,
        summary: "in {vhost} are events that no service takes: a type that nobody knows, or a binding is missing",
        action: "`ballet topology repair` creates a binding that is missing, and sends them to the services that \
                 consume them. `ballet dlq redrive --from-unrouted` names those that no contract knows: a type was misspelt; purge what then is left in the queue",
    },
    Alarm {
        name: "BalletUpstreamAway",
        cause: Cause::Gateway,
        severity: Critical,
        rings: "label_replace(max by (upstream) (gateway_breaker_open) > 0, \
                \"job\", \"$1\", \"upstream\", \"(.+)\")",
        unless: &[DOWN, UNREADY],
        minutes: 1,
        summary: "the gateway does not reach {upstream}, or only gets failures from it",
        action: "look at the log of the gateway: is the address right, and the network between them?",
    },
    Alarm {
        name: "BalletGatewayDatabaseAway",
        cause: Cause::Gateway,
        severity: Critical,
        rings: "max by (job) (gateway_database_away) > 0",
        unless: &[],
        minutes: 1,
        summary: "{job} has no database: it refuses requests with an Idempotency-Key",
        action: "look at the gateway's database. Its `/readyz` lists the routes that stand still",
    },
    Alarm {
        name: "BalletProcessDown",
        cause: Cause::Process,
        severity: Warning,
        rings: "up < 1",
        unless: &[DOWN],
        minutes: 5,
        summary: "a process of {job} does not answer, while others do",
        action: "look at the log of {instance}, and start it again",
    },
    Alarm {
        name: "BalletBindingsNotCompared",
        cause: Cause::Management,
        severity: Warning,
        rings: "ballet_bindings_compared < 1",
        unless: &[BROKER_AWAY],
        minutes: 10,
        summary: "{job} would not notice a missing binding: the management API does not answer it",
        action: "check `RABBITMQ_MANAGEMENT_URL`, and that the user has the tag `management`",
    },
    Alarm {
        name: "BalletKeysOld",
        cause: Cause::Gateway,
        severity: Warning,
        rings: "max by (job) (gateway_keys_old) > 0",
        unless: &[],
        minutes: 0,
        summary: "{job} cannot read its key set again: it refuses who signs in with a newer key",
        action: "look at the log of {job}: does what `jwt.keys` names answer, and with a key set?",
    },
];
