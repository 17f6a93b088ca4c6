//! Judges what was read. There is no I/O here, so that made-up rows can be judged in tests.

use std::collections::BTreeMap;

use ballet_core::envelope::Limits;
use ballet_core::{System, id, topology};
use ballet_store::calls::open::OpenCall;
use ballet_store::operators::compensations_by_hand::WaitingCompensation;
use ballet_store::outbox::left_behind::UnpublishedEvent;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::audit::held::held_words;
use crate::audit::ledger::{Left, Rows, contradictions, not_acted_on, unfinished};
use crate::audit::read::{Pending, discarded};
use crate::audit::report::Report;
use crate::audit::snapshot::{BrokerSnapshot, DeadLetterSnapshot};
use crate::words::{acting, counted};

/// Every service was read.
static NOBODY: BTreeMap<&str, String> = BTreeMap::new();

/// Judges sagas by the declared system and by what is still on its way.
pub(crate) struct Judge<'a> {
    system: &'a System,
    broker: &'a BrokerSnapshot,
    pending: &'a BTreeMap<&'a str, Pending>,
    /// The services that could not be read.
    away: &'a BTreeMap<&'a str, String>,
    quiescent_since: Timestamp,
    /// Sagas since then are remembered by every service.
    remembered_since: Timestamp,
}

impl<'a> Judge<'a> {
    /// A saga with a record of the last `quiescent_after` is not quiescent.
    pub(crate) fn new(
        system: &'a System,
        broker: &'a BrokerSnapshot,
        pending: &'a BTreeMap<&'a str, Pending>,
        now: Timestamp,
        quiescent_after: SignedDuration,
    ) -> Self {
        let quiescent_since = now - quiescent_after;
        let remembered_since = now - Limits::default().saga_window;
        Self { system, broker, pending, away: &NOBODY, quiescent_since, remembered_since }
    }

    /// The same if these services could not be read, so that nothing is said of them.
    pub(crate) fn without(self, away: &'a BTreeMap<&'a str, String>) -> Self {
        Self { away, ..self }
    }

    /// Judges what belongs to no single saga: outboxes, calls, queues, dead letters.
    pub(crate) fn system(&self, report: &mut Report) {
        for (service, pending) in self.pending {
            for saga in pending.unpublished.iter().filter_map(|event| event.saga) {
                report.does_not_settle(saga, false);
            }
            if let Some(UnpublishedEvent { saga, event_type, since }) = pending.unpublished.first()
            {
                report.open.push(format!(
                    "{service} has unpublished events: {}; the oldest is {event_type}{}, since {since}",
                    pending.unpublished_count,
                    of(*saga),
                ));
            }
            for call in &pending.calls {
                let line = format!("{service}: saga {}: {}", call.saga, waiting_for(call));
                report.does_not_settle(call.saga, is_set_aside(call));
                if is_set_aside(call) {
                    report
                        .stuck
                        .push(format!("{line}; it is set aside, and not made again by itself"));
                } else {
                    report.open.push(line);
                }
            }
            for (saga, event_type, reason) in &pending.unpublishable {
                saga.iter().for_each(|saga| report.does_not_settle(*saga, true));
                report.stuck.push(format!(
                    "{service} cannot publish {event_type}{}; it is in ballet.outbox_dead: {reason}",
                    of(*saga)
                ));
            }
        }
        let services = self.system.parts.iter().map(|part| part.service);
        let retries = topology::RETRIES.map(|(queue, _)| queue);
        let open = services.clone().chain(retries).map(str::to_owned);
        let stuck = services.map(topology::dead_queue).chain([topology::UNROUTED.to_owned()]);
        // Other queues do not belong to the system.
        let not_empty = |queue: String| match self.broker.queues.get(&queue) {
            None | Some(0) => None,
            Some(count) => Some(format!("{} in queue {queue}", counted(*count, "message"))),
        };
        report.open.extend(open.filter_map(not_empty));
        report.stuck.extend(stuck.filter_map(not_empty));
        let held = self.broker.held.iter();
        report.violations.extend(held.map(|(queue, count)| held_words(queue, *count)));
        for DeadLetterSnapshot { service, saga, event_type, reason } in &self.broker.dead_letters {
            saga.iter().for_each(|saga| report.does_not_settle(*saga, true));
            let of = of(*saga);
            report.stuck.push(format!("dead letter of {service}: {event_type}{of}: {reason}"));
        }
    }

    /// Judges one saga over all services.
    pub(crate) fn saga(&self, saga: Uuid, rows: &Rows<'_>, report: &mut Report) {
        let mut left: Vec<Left<'_>> = Vec::new();
        for part in &self.system.parts {
            let Some(own) = rows.get(part.service) else { continue };
            for wrong in contradictions(part, own) {
                report.violations.push(format!("saga {saga}: {}: {wrong}", part.service));
            }
            let calls: &[OpenCall] = self.pending.get(part.service).map_or(&[], |all| &all.calls);
            let is_out = |step: &str, key: &str| {
                calls.iter().any(|c| c.saga == saga && c.step == step && c.key == key)
            };
            left.extend(unfinished(part, own, is_out));
        }
        left.extend(not_acted_on(self.system, rows, self.may_be_forgotten(saga, rows)));
        let changed = rows.values().flatten().map(|row| row.recorded_at).max();
        left.retain(|left| !self.away.contains_key(left.service));
        for Left { service, what, event_type, .. } in left {
            let line = format!("saga {saga}: {service} {what}");
            if let Some(by) = self.discarded(saga, service, event_type.as_deref()) {
                report.does_not_settle(saga, true);
                report.stuck.push(format!("{line}, which was {by}"));
            } else if let Some(reason) = self.death_of(saga, service) {
                report.does_not_settle(saga, true);
                report
                    .stuck
                    .push(format!("{line}, because its message is a dead letter: {reason}"));
            } else if let Some(why) = self.under_way(saga, service) {
                report.does_not_settle(saga, false);
                report.open.push(format!("{line}: {why}"));
            } else if let Some(why) = self.set_aside(saga) {
                report.does_not_settle(saga, true);
                report.stuck.push(format!("{line}: {why}"));
            } else if let Some(changed) = changed.filter(|changed| *changed > self.quiescent_since)
            {
                report.does_not_settle(saga, false);
                report.open.push(format!("{line}: the saga changed at {changed}"));
            } else {
                report.violations.push(format!("{line}, and nothing is on its way"));
            }
        }
    }

    /// Whether a service may have forgotten a saga. Services forget at different times: one that has
    /// nothing left to undo is the first.
    fn may_be_forgotten(&self, saga: Uuid, rows: &Rows<'_>) -> bool {
        let recorded = || rows.values().flatten().map(|row| row.recorded_at).min();
        let began = id::time_of(saga).or_else(recorded);
        began.is_some_and(|began| began < self.remembered_since)
    }

    /// Why a message of the saga died in a service, if one did.
    fn death_of(&self, saga: Uuid, service: &str) -> Option<&str> {
        let mut dead_letters = self.broker.dead_letters.iter();
        let dead = dead_letters.find(|dead| dead.saga == Some(saga) && dead.service == service);
        dead.map(|dead| dead.reason.as_str())
    }

    /// Who has discarded what a saga waits for in a service.
    fn discarded(&self, saga: Uuid, service: &str, event_type: Option<&str>) -> Option<String> {
        let all = self.pending.iter().flat_map(|(of, pending)| {
            pending.discarded.iter().map(move |discarded| (*of, discarded))
        });
        let of_saga = all.filter(|(_, discarded)| discarded.saga_id == Some(saga));
        discarded(of_saga, service, event_type)
    }

    /// The call of the saga that waits for a person, if there is one.
    fn set_aside(&self, saga: Uuid) -> Option<String> {
        let mut all = self
            .pending
            .iter()
            .flat_map(|(by, pending)| pending.calls.iter().map(move |call| (*by, call)));
        let (by, call) = all.find(|(_, call)| call.saga == saga && is_set_aside(call))?;
        Some(format!("{by} {}", waiting_for(call)))
    }

    /// What a saga may still wait for in a service.
    fn under_way(&self, saga: Uuid, service: &str) -> Option<String> {
        if self.broker.away.is_some() {
            return Some("the broker, which may have its message, did not answer".to_owned());
        }
        for (by, pending) in self.pending {
            let is_made = |call: &&OpenCall| call.saga == saga && !is_set_aside(call);
            if let Some(call) = pending.calls.iter().find(is_made) {
                return Some(format!("{by} {}", waiting_for(call)));
            }
            if let Some(left) = pending.compensations.iter().find(|left| left.saga_id == saga) {
                return Some(format!("{by} {}", going_on(left)));
            }
            let all_read = usize::try_from(pending.unpublished_count)
                .is_ok_and(|count| count <= pending.unpublished.len());
            let own = pending.unpublished.iter().find(|event| event.saga == Some(saga));
            match own {
                Some(event) => {
                    return Some(format!("{by} has not published {} yet", event.event_type));
                }
                None if !all_read => {
                    return Some(format!("{by} has more unpublished events than were read"));
                }
                None => {}
            }
        }
        let count = |queue: &str| self.broker.queues.get(queue).copied().unwrap_or_default();
        let waiting = count(service);
        if waiting > 0 {
            return Some(format!("{} in its queue", acting(waiting, "message", "wait")));
        }
        let retried = topology::RETRIES.iter().map(|(queue, _)| count(queue)).sum::<u64>();
        if retried > 0 {
            return Some(format!("{} to be retried", acting(retried, "message", "wait")));
        }
        let dead_letters = self.broker.dead_letters.iter();
        let read = dead_letters.filter(|dead| dead.service == service).count();
        let dead = count(&topology::dead_queue(service));
        let unread = dead.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        (unread > 0)
            .then(|| format!("its message may be among {unread} dead letters that were not read"))
    }
}

/// " of saga ...", or nothing.
fn of(saga: Option<Uuid>) -> String {
    saga.map(|saga| format!(" of saga {saga}")).unwrap_or_default()
}

/// Whether a call is made again only when a person says so.
fn is_set_aside(call: &OpenCall) -> bool {
    call.next_at.is_none()
}

/// What an open call waits for, as a predicate of its service.
fn waiting_for(call: &OpenCall) -> String {
    let OpenCall { saga: _, step, key, undo, attempts, last_error, since, next_at: _ } = call;
    let key = if key.is_empty() { String::new() } else { format!(" {key}") };
    let undo = if *undo { " to undo it" } else { "" };
    let failed = match last_error {
        Some(error) => format!(", after {attempts} attempts: {error}"),
        None => String::new(),
    };
    format!("waits for the answer to its call of {step}{key}{undo} since {since}{failed}")
}

/// What becomes of the compensations that are left, as a predicate of their service.
fn going_on(left: &WaitingCompensation) -> String {
    let WaitingCompensation { saga_id: _, step, next_at, attempts, last_failure } = left;
    let failed = match last_failure {
        Some(failure) if *attempts > 0 => {
            format!(", after {}: {failure}", counted(*attempts, "attempt"))
        }
        Some(_) | None => String::new(),
    };
    format!("goes on after {step} with what is left to compensate, at {next_at}{failed}")
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
