//! The judgement itself: no I/O, so that it can be tried on made-up rows.

use std::collections::BTreeMap;

use ballet_core::{System, topology};
use jiff::Timestamp;
use uuid::Uuid;

use super::ledger::{Rows, contradictions, unfinished, untaken};
use super::{Broker, Letter, Report};

/// A call to the outside that has no answer yet.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) saga: Uuid,
    pub(super) step: String,
    pub(super) key: String,
    pub(super) undo: bool,
    pub(super) attempts: i32,
    pub(super) last_error: Option<String>,
    pub(super) since: Timestamp,
}

/// An event that is committed and not yet known to be published.
#[derive(Debug, Clone)]
pub(super) struct Unpublished {
    pub(super) saga: Option<Uuid>,
    pub(super) event_type: String,
    pub(super) since: Timestamp,
}

/// What one service has not done yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    pub(super) calls: Vec<Call>,
    /// Not all of them, if there are very many.
    pub(super) unpublished: Vec<Unpublished>,
    pub(super) unpublished_count: i64,
    /// Saga, type and reason of what never can be.
    pub(super) unpublishable: Vec<(Option<Uuid>, String, String)>,
}

pub(super) struct Judge<'a> {
    system: &'a System,
    broker: &'a Broker,
    pending: &'a BTreeMap<&'a str, Pending>,
    at_rest: Timestamp,
}

impl<'a> Judge<'a> {
    /// Sagas of which something was recorded after `at_rest` are not at rest.
    pub(super) fn new(
        system: &'a System,
        broker: &'a Broker,
        pending: &'a BTreeMap<&'a str, Pending>,
        at_rest: Timestamp,
    ) -> Self {
        Self { system, broker, pending, at_rest }
    }

    /// What belongs to no single saga: outboxes, calls, queues, dead letters.
    pub(super) fn whole(&self, report: &mut Report) {
        for (service, pending) in self.pending {
            if let Some(Unpublished { saga, event_type, since }) = pending.unpublished.first() {
                report.open.push(format!(
                    "{service} has {} events to publish, the oldest is {event_type}{} since {since}",
                    pending.unpublished_count,
                    of(*saga),
                ));
            }
            for call in &pending.calls {
                report.open.push(format!("{service}: saga {}: {}", call.saga, words(call)));
            }
            for (saga, event_type, reason) in &pending.unpublishable {
                report.stuck.push(format!(
                    "{service} cannot publish {event_type}{}, it is in ballet.outbox_dead: {reason}",
                    of(*saga)
                ));
            }
        }
        let services = self.system.parts.iter().map(|part| part.service);
        let retries = topology::RETRIES.map(|(queue, _)| queue);
        let open = services.clone().chain(retries).map(str::to_owned);
        let stuck = services.map(topology::dead_queue).chain([topology::UNROUTED.to_owned()]);
        // Others, of somebody who listens, are none of the system's business.
        let full = |queue: String| match self.broker.queues.get(&queue) {
            None | Some(0) => None,
            Some(1) => Some(format!("1 message in the queue {queue}")),
            Some(count) => Some(format!("{count} messages in the queue {queue}")),
        };
        report.open.extend(open.filter_map(full));
        report.stuck.extend(stuck.filter_map(full));
        for Letter { service, saga, event_type, reason } in &self.broker.letters {
            let of = of(*saga);
            report.stuck.push(format!("dead letter of {service}: {event_type}{of}: {reason}"));
        }
    }

    /// One saga over all services.
    pub(super) fn saga(&self, saga: Uuid, rows: &Rows<'_>, report: &mut Report) {
        let mut left: Vec<(&str, String)> = Vec::new();
        for part in &self.system.parts {
            let Some(own) = rows.get(part.service) else { continue };
            for wrong in contradictions(part, own) {
                report.violations.push(format!("saga {saga}: {}: {wrong}", part.service));
            }
            let calls: &[Call] = self.pending.get(part.service).map_or(&[], |all| &all.calls);
            let is_out = |step: &str, key: &str| {
                calls.iter().any(|c| c.saga == saga && c.step == step && c.key == key)
            };
            left.extend(unfinished(part, own, is_out).into_iter().map(|it| (part.service, it)));
        }
        left.extend(untaken(self.system, rows));
        let moved = rows.values().flatten().map(|row| row.recorded_at).max();
        for (service, what) in left {
            let line = format!("saga {saga}: {service} {what}");
            if let Some(letter) = self.letter(saga, service) {
                report.stuck.push(format!("{line}, since its message is dead: {letter}"));
            } else if let Some(why) = self.under_way(saga, service) {
                report.open.push(format!("{line}: {why}"));
            } else if let Some(moved) = moved.filter(|moved| *moved > self.at_rest) {
                report.open.push(format!("{line}: the saga moved at {moved}"));
            } else {
                report.violations.push(format!("{line}, and nothing is on its way"));
            }
        }
    }

    fn letter(&self, saga: Uuid, service: &str) -> Option<&str> {
        let of_saga = |letter: &&Letter| letter.saga == Some(saga) && letter.service == service;
        self.broker.letters.iter().find(of_saga).map(|letter| letter.reason.as_str())
    }

    /// What may still come for a saga in a service.
    fn under_way(&self, saga: Uuid, service: &str) -> Option<String> {
        for (by, pending) in self.pending {
            if let Some(call) = pending.calls.iter().find(|call| call.saga == saga) {
                return Some(format!("{by} {}", words(call)));
            }
            let whole = usize::try_from(pending.unpublished_count)
                .is_ok_and(|count| count <= pending.unpublished.len());
            let own = pending.unpublished.iter().find(|event| event.saga == Some(saga));
            match own {
                Some(event) => return Some(format!("{by} has {} to publish", event.event_type)),
                None if !whole => return Some(format!("{by} has very many events to publish")),
                None => {}
            }
        }
        let count = |queue: &str| self.broker.queues.get(queue).copied().unwrap_or_default();
        let waiting = count(service);
        if waiting > 0 {
            return Some(format!("{waiting} messages wait in its queue"));
        }
        let again = topology::RETRIES.iter().map(|(queue, _)| count(queue)).sum::<u64>();
        if again > 0 {
            return Some(format!("{again} messages wait to be tried again"));
        }
        let read = self.broker.letters.iter().filter(|letter| letter.service == service).count();
        let dead = count(&topology::dead_queue(service));
        let unread = dead.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        (unread > 0).then(|| format!("its message may be one of {unread} dead ones"))
    }
}

fn of(saga: Option<Uuid>) -> String {
    saga.map(|saga| format!(" of saga {saga}")).unwrap_or_default()
}

fn words(call: &Call) -> String {
    let Call { saga: _, step, key, undo, attempts, last_error, since } = call;
    let key = if key.is_empty() { String::new() } else { format!(" {key}") };
    let undo = if *undo { " to undo it" } else { "" };
    let failed = match last_error {
        Some(error) => format!(", after {attempts} attempts: {error}"),
        None => String::new(),
    };
    format!("waits for the answer to its call of {step}{key}{undo} since {since}{failed}")
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
