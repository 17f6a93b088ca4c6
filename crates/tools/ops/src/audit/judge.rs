//! Judges the rows that were read. There is no I/O, so tests judge made-up rows.

use std::collections::BTreeMap;

use ballet_core::envelope::Limits;
use ballet_core::{System, id, topology};
use ballet_store::calls::open::OpenCall;
use ballet_store::operators::compensations_by_hand::WaitingSaga;
use ballet_store::outbox::left_behind::UnpublishedEvent;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::audit::held_messages::held_words;
use crate::audit::ledger::{
    RowsByService, UnfinishedWork, contradictions, not_acted_on, unfinished,
};
use crate::audit::read::{PendingWork, discarded};
use crate::audit::report::Report;
use crate::audit::snapshot::{BrokerSnapshot, DeadLetterSnapshot};
use crate::words::{acting, counted};

static NOBODY: BTreeMap<&str, String> = BTreeMap::new();

pub(crate) struct SagaJudge<'a> {
    system: &'a System,
    broker: &'a BrokerSnapshot,
    pending: &'a BTreeMap<&'a str, PendingWork>,
    away: &'a BTreeMap<&'a str, String>,
    quiescent_since: Timestamp,
    /// Every service remembers sagas since then.
    remembered_since: Timestamp,
}

impl<'a> SagaJudge<'a> {
    /// A saga with a record within `quiescent_after` is not quiescent.
    pub(crate) fn new(
        system: &'a System,
        broker: &'a BrokerSnapshot,
        pending: &'a BTreeMap<&'a str, PendingWork>,
        now: Timestamp,
        quiescent_after: SignedDuration,
    ) -> Self {
        let quiescent_since = now - quiescent_after;
        let remembered_since = now - Limits::default().saga_window;
        Self { system, broker, pending, away: &NOBODY, quiescent_since, remembered_since }
    }

    /// Leaves out the services that could not be read.
    pub(crate) fn without(self, away: &'a BTreeMap<&'a str, String>) -> Self {
        Self { away, ..self }
    }

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
                let line = format!("{service}: saga {}: {}", call.saga, describe_call(call));
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

    pub(crate) fn saga(&self, saga: Uuid, rows: &RowsByService<'_>, report: &mut Report) {
        let mut left: Vec<UnfinishedWork<'_>> = Vec::new();
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
        for UnfinishedWork { service, what, event_type, .. } in left {
            let line = format!("saga {saga}: {service} {what}");
            if let Some(by) = self.discarded(saga, service, event_type.as_deref()) {
                report.does_not_settle(saga, true);
                report.stuck.push(format!("{line}, which was {by}"));
            } else if let Some(reason) = self.death_of(saga, service) {
                report.does_not_settle(saga, true);
                report
                    .stuck
                    .push(format!("{line}, because its message is a dead letter: {reason}"));
            } else if let Some(why) = self.reason_to_wait(saga, service) {
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

    /// Services forget at different times: one that has nothing left to undo forgets first.
    fn may_be_forgotten(&self, saga: Uuid, rows: &RowsByService<'_>) -> bool {
        let recorded = || rows.values().flatten().map(|row| row.recorded_at).min();
        let began = id::time_of(saga).or_else(recorded);
        began.is_some_and(|began| began < self.remembered_since)
    }

    fn death_of(&self, saga: Uuid, service: &str) -> Option<&str> {
        let mut dead_letters = self.broker.dead_letters.iter();
        let dead = dead_letters.find(|dead| dead.saga == Some(saga) && dead.service == service);
        dead.map(|dead| dead.reason.as_str())
    }

    /// Returns who discarded the event that the saga waits for.
    fn discarded(&self, saga: Uuid, service: &str, event_type: Option<&str>) -> Option<String> {
        let all = self.pending.iter().flat_map(|(of, pending)| {
            pending.discarded.iter().map(move |discarded| (*of, discarded))
        });
        let of_saga = all.filter(|(_, discarded)| discarded.saga_id == Some(saga));
        discarded(of_saga, service, event_type)
    }

    /// Returns the saga's call that waits for a person.
    fn set_aside(&self, saga: Uuid) -> Option<String> {
        let mut all = self
            .pending
            .iter()
            .flat_map(|(by, pending)| pending.calls.iter().map(move |call| (*by, call)));
        let (by, call) = all.find(|(_, call)| call.saga == saga && is_set_aside(call))?;
        Some(format!("{by} {}", describe_call(call)))
    }

    /// Returns why a saga may still go on by itself in a service.
    fn reason_to_wait(&self, saga: Uuid, service: &str) -> Option<String> {
        if self.broker.away.is_some() {
            return Some("the broker, which may have its message, did not answer".to_owned());
        }
        for (by, pending) in self.pending {
            let is_made = |call: &&OpenCall| call.saga == saga && !is_set_aside(call);
            if let Some(call) = pending.calls.iter().find(is_made) {
                return Some(format!("{by} {}", describe_call(call)));
            }
            if let Some(left) = pending.compensations.iter().find(|left| left.saga_id == saga) {
                return Some(format!("{by} {}", describe_compensations(left)));
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

fn of(saga: Option<Uuid>) -> String {
    saga.map(|saga| format!(" of saga {saga}")).unwrap_or_default()
}

fn is_set_aside(call: &OpenCall) -> bool {
    call.next_at.is_none()
}

fn describe_call(call: &OpenCall) -> String {
    let OpenCall { saga: _, step, key, undo, attempts, last_error, since, next_at: _ } = call;
    let key = if key.is_empty() { String::new() } else { format!(" {key}") };
    let undo = if *undo { " to undo it" } else { "" };
    let failed = match last_error {
        Some(error) => format!(", after {attempts} attempts: {error}"),
        None => String::new(),
    };
    format!("waits for the answer to its call of {step}{key}{undo} since {since}{failed}")
}

fn describe_compensations(left: &WaitingSaga) -> String {
    let WaitingSaga { saga_id: _, step, next_at, attempts, last_failure } = left;
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
