//! Explains what a saga waits for, and why. There is no I/O, so tests explain made-up rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use ballet_core::envelope::Limits;
use ballet_core::{EventType, Graph, Part, Runs, SagaPart, StepPart, System, id};
use ballet_store::calls::open::OpenCall;
use ballet_store::inbox::stuck::{StuckEntry, StuckKind};
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::recorded_rows::RecordedRow;
use ballet_store::operators::interventions::Intervention;
use ballet_store::outbox::left_behind::UnpublishedEvent;
use ballet_store::process::Liveness;
use jiff::Timestamp;
use uuid::Uuid;

use crate::audit::ledger::{
    RowsByService, UndecidedSaga, UnfinishedWork, not_acted_on, published, undecided, unfinished,
};
use crate::audit::read::discarded;
use crate::sagas::saga_state::SagaWait;
use crate::sagas::service_state::ServiceState;

pub(crate) struct Explainer<'a> {
    system: &'a System,
    states: &'a BTreeMap<&'a str, ServiceState>,
    /// By saga: the service and the failure.
    failures: HashMap<Uuid, Vec<(&'a str, &'a StuckEntry)>>,
    calls: HashMap<Uuid, Vec<(&'a str, &'a OpenCall)>>,
    unpublished: HashMap<Uuid, Vec<(&'a str, &'a UnpublishedEvent)>>,
    /// By saga: the service, the type and the reason.
    unpublishable: HashMap<Uuid, Vec<(&'a str, &'a str, &'a str)>>,
    /// By saga: the service, and the intervention that discarded an event.
    discarded: HashMap<Uuid, Vec<(&'a str, &'a Intervention)>>,
    /// By saga: the owner and the first deadline.
    deadlines: HashMap<Uuid, (&'a str, Timestamp)>,
    /// The versions of each saga with several, by name.
    versions: OnceLock<BTreeMap<&'static str, BTreeSet<u32>>>,
}

impl<'a> Explainer<'a> {
    pub(crate) fn new(system: &'a System, states: &'a BTreeMap<&'a str, ServiceState>) -> Self {
        let mut explainer = Self {
            system,
            states,
            failures: HashMap::new(),
            calls: HashMap::new(),
            unpublished: HashMap::new(),
            unpublishable: HashMap::new(),
            discarded: HashMap::new(),
            deadlines: HashMap::new(),
            versions: OnceLock::new(),
        };
        for (service, state) in states {
            for failure in &state.failures {
                if let (Some(saga), StuckKind::Message { .. }) = (failure.saga_id, &failure.what) {
                    explainer.failures.entry(saga.0).or_default().push((*service, failure));
                }
            }
            for call in &state.pending.calls {
                explainer.calls.entry(call.saga).or_default().push((*service, call));
            }
            for event in &state.pending.unpublished {
                if let Some(saga) = event.saga {
                    explainer.unpublished.entry(saga).or_default().push((*service, event));
                }
            }
            for (saga, event_type, reason) in &state.pending.unpublishable {
                if let Some(saga) = saga {
                    let event = (*service, event_type.as_str(), reason.as_str());
                    explainer.unpublishable.entry(*saga).or_default().push(event);
                }
            }
            for act in &state.pending.discarded {
                if let Some(saga) = act.saga_id {
                    explainer.discarded.entry(saga).or_default().push((*service, act));
                }
            }
            for (saga, due_at) in &state.deadlines {
                let first = explainer.deadlines.entry(*saga).or_insert((*service, *due_at));
                first.1 = first.1.min(*due_at);
            }
        }
        explainer
    }

    /// Returns the sagas with failed messages, unpublished events, open calls or deadlines, also those in no ledger.
    pub(crate) fn known(&self) -> BTreeSet<Uuid> {
        let Self { failures, calls, unpublished, unpublishable, deadlines, .. } = self;
        let known = failures.keys().chain(calls.keys()).chain(unpublished.keys());
        known.chain(unpublishable.keys()).chain(deadlines.keys()).copied().collect()
    }

    pub(crate) fn now(&self) -> Option<Timestamp> {
        self.states.values().map(|state| state.at).max()
    }

    /// Returns the owner's deadline for its decision.
    pub(crate) fn deadline(&self, saga: Uuid) -> Option<Timestamp> {
        self.deadlines.get(&saga).map(|(_, due_at)| *due_at)
    }

    pub(crate) fn waits(&self, saga: Uuid, rows: &RowsByService<'_>) -> Vec<SagaWait> {
        let mut left: Vec<UnfinishedWork<'_>> = Vec::new();
        for part in &self.system.parts {
            let Some(own) = rows.get(part.service) else { continue };
            let calls = || self.calls.get(&saga).into_iter().flatten();
            let is_out = |step: &str, key: &str| {
                calls()
                    .any(|(of, call)| *of == part.service && call.step == step && call.key == key)
            };
            left.extend(unfinished(part, own, is_out));
        }
        left.extend(not_acted_on(self.system, rows, self.may_be_forgotten(saga, rows)));
        // A service that was not read is unknown.
        left.retain(|left| self.states.contains_key(left.service));
        let mut waits: Vec<SagaWait> = Vec::new();
        for left in left {
            let wait = self.unfinished_work(saga, left);
            if !waits.contains(&wait) {
                waits.push(wait);
            }
        }
        for (service, failure) in self.failures.get(&saga).into_iter().flatten() {
            let StuckKind::Message { event_type, .. } = &failure.what else { continue };
            let is_named = |wait: &SagaWait| {
                wait.service == *service && wait.event_type.as_ref() == Some(event_type)
            };
            if !waits.iter().any(is_named) {
                waits.push(self.failed_message(service, event_type, failure));
            }
        }
        for (service, call) in self.calls.get(&saga).into_iter().flatten() {
            waits.push(self.open_call(service, call));
        }
        if waits.is_empty() {
            waits.extend(self.undecided(saga, rows));
        }
        if let (true, Some((owner, due_at))) = (waits.is_empty(), self.deadlines.get(&saga)) {
            let what = format!("has not decided it; the deadline is {due_at}");
            let recorded = rows.values().flatten().map(|row| row.recorded_at).max();
            let since = recorded.or_else(|| id::time_of(saga)).unwrap_or(*due_at);
            waits.push(SagaWait { why: self.silence(owner), ..self.wait(owner, what, since) });
        }
        waits.sort_by_key(|wait| wait.since);
        waits
    }

    /// Returns missing decisions in sagas for which no service has anything left to do.
    fn undecided(&self, saga: Uuid, rows: &RowsByService<'_>) -> Vec<SagaWait> {
        let mut waits = Vec::new();
        for part in &self.system.parts {
            let own = rows.get(part.service).map_or(&[][..], Vec::as_slice);
            for UndecidedSaga { owner, mut expected, since } in undecided(part, own) {
                expected.retain(|event| self.may_come(event, part, rows));
                let names: Vec<&str> = expected.iter().map(|event| event.name()).collect();
                let mut what = match &names[..] {
                    [] => "has not decided it".to_owned(),
                    names => format!("has not decided it: {} has not come", names.join(" or ")),
                };
                if let Some((_, due_at)) = self.deadlines.get(&saga) {
                    what.push_str(&format!("; the deadline is {due_at}"));
                }
                let why = self.published_instead(&expected, rows).or_else(|| self.silence(owner));
                waits.push(SagaWait { why, ..self.wait(owner, what, since) });
            }
        }
        waits
    }

    /// Whether a step of the version under which the owner began the saga may still publish the event.
    fn may_come(&self, event: &EventType, owner: &Part, rows: &RowsByService<'_>) -> bool {
        let of = |service: &str| rows.get(service).map_or(&[][..], Vec::as_slice).iter();
        let began =
            |saga: &SagaPart| saga.versions_with(of(owner.service).map(|row| row.step.as_str()));
        // A step with keys runs several times.
        let outcome = |step: &StepPart| {
            let is_it = |row: &&RecordedRow| row.step == step.name && row.key.is_empty();
            of(event.service())
                .filter(is_it)
                .find(|row| matches!(row.entry, Entry::Done | Entry::Refused))
        };
        let is_over = |step: &StepPart| {
            outcome(step).is_some_and(|row| row.event_type.as_deref() != Some(event.name()))
        };
        let parts = self.system.parts.iter().find(|part| part.service == event.service());
        let mut sagas = parts.into_iter().flat_map(|part| &part.sagas);
        sagas.all(|saga| {
            let owned = owner.sagas.iter().find(|of| of.saga == saga.saga);
            let emits = |step: &&StepPart| step.done == *event || step.refused == Some(*event);
            let mut steps = saga.steps.iter().filter(emits).peekable();
            let Some(owned) = owned.filter(|_| steps.peek().is_some()) else { return true };
            steps.any(|step| step.versions.meets(began(owned)) && !is_over(step))
        })
    }

    pub(crate) fn versions(&self, rows: &RowsByService<'_>) -> Vec<(&'static str, u32)> {
        let of_system = self.versions.get_or_init(|| {
            let graph = Graph::new(self.system.clone());
            let versions = graph.sagas().into_iter().map(|saga| (saga, graph.versions(saga)));
            versions.filter(|(_, versions)| versions.len() > 1).collect()
        });
        let version = |(name, versions): (&&'static str, &BTreeSet<u32>)| {
            Some((*name, version_of(self.system, name, versions, rows)?))
        };
        of_system.iter().filter_map(version).collect()
    }

    /// Describes the events without consumers that the publishers of the expected events published instead.
    fn published_instead(
        &self,
        expected: &[&EventType],
        rows: &RowsByService<'_>,
    ) -> Option<String> {
        let parts = &self.system.parts;
        let consumed: BTreeSet<EventType> = parts.iter().flat_map(Part::consumes).collect();
        let is_asked = |part: &&Part| expected.iter().any(|event| event.service() == part.service);
        let mut instead = BTreeSet::new();
        for part in parts.iter().filter(is_asked) {
            let own = rows.get(part.service).map_or(&[][..], Vec::as_slice);
            for row in published(part, own) {
                let name = row.event_type.as_deref().unwrap_or_default();
                if !consumed.iter().any(|event| event.name() == name) {
                    instead.insert(format!("{} published {name}", part.service));
                }
            }
        }
        let instead: Vec<String> = instead.into_iter().collect();
        (!instead.is_empty()).then(|| format!("{}, which nobody takes", instead.join(", ")))
    }

    fn wait(&self, service: &str, what: String, since: Timestamp) -> SagaWait {
        SagaWait {
            service: service.to_owned(),
            what,
            event_type: None,
            step: None,
            stays_open: false,
            since,
            why: None,
            is_silent: self.states.get(service).is_some_and(|state| state.alive != Liveness::Yes),
            is_dead: false,
            next_at: None,
        }
    }

    /// Adds the step that would go on.
    fn with_step(&self, wait: SagaWait, is_it: impl Fn(&StepPart) -> bool) -> SagaWait {
        let parts = self.system.parts.iter().filter(|part| part.service == wait.service);
        let mut steps = parts.flat_map(|part| &part.sagas).flat_map(|saga| &saga.steps);
        let Some(step) = steps.find(|step| is_it(step)) else { return wait };
        SagaWait { step: Some(step.name), stays_open: step.runs == Runs::StaysOpen, ..wait }
    }

    fn with_event(&self, wait: SagaWait, event_type: Option<String>) -> SagaWait {
        let is_on =
            |step: &StepPart| step.on.iter().any(|on| Some(on.name()) == event_type.as_deref());
        let wait = self.with_step(wait, is_on);
        SagaWait { event_type, ..wait }
    }

    fn unfinished_work(&self, saga: Uuid, left: UnfinishedWork<'_>) -> SagaWait {
        let UnfinishedWork { service, what, event_type, since } = left;
        let failures = || self.failures.get(&saga).into_iter().flatten();
        let is_it = |failure: &StuckEntry| match (&failure.what, &event_type) {
            (StuckKind::Message { event_type: failed, .. }, Some(event)) => failed == event,
            _ => event_type.is_none(),
        };
        let failure = failures().find(|(of, failure)| *of == service && is_it(failure));
        let wait = self.with_event(self.wait(service, what, since), event_type.clone());
        if let Some((_, failure)) = failure {
            return with_failure(failure, wait);
        }
        let is_type = |other: &str| Some(other) == event_type.as_deref();
        let mut unpublishable = self.unpublishable.get(&saga).into_iter().flatten();
        if let Some((by, _, reason)) = unpublishable.find(|(_, other, _)| is_type(other)) {
            return SagaWait { why: Some(format!("{by} cannot publish it: {reason}")), ..wait };
        }
        let mut unpublished = self.unpublished.get(&saga).into_iter().flatten();
        if let Some((by, _)) = unpublished.find(|(_, event)| is_type(&event.event_type)) {
            return SagaWait { why: Some(format!("{by} has not published it yet")), ..wait };
        }
        let mut of_saga = self.discarded.get(&saga).into_iter().flatten().copied();
        if let (Some(by), Some(event)) =
            (discarded(&mut of_saga, service, event_type.as_deref()), &event_type)
        {
            let what = format!("does not get {event}");
            return SagaWait { what, why: Some(by), ..wait };
        }
        SagaWait { why: self.silence(service), ..wait }
    }

    fn failed_message(&self, service: &str, event_type: &str, failure: &StuckEntry) -> SagaWait {
        let what = format!("has not handled {event_type}");
        let wait = self.wait(service, what, failure.since);
        with_failure(failure, self.with_event(wait, Some(event_type.to_owned())))
    }

    fn open_call(&self, service: &str, call: &OpenCall) -> SagaWait {
        let undo = if call.undo { " to undo it" } else { "" };
        let what = format!("waits for the answer to its call of {}{undo}", call.step);
        let why = match &call.last_error {
            Some(error) => Some(format!("{error} ({} attempts)", call.attempts)),
            None => self.silence(service),
        };
        // Before its first failure it is under way.
        let next_at = call.next_at.filter(|_| call.last_error.is_some());
        let wait =
            self.with_step(self.wait(service, what, call.since), |step| step.name == call.step);
        SagaWait { why, next_at, ..wait }
    }

    /// Says if no process of a service is alive.
    fn silence(&self, service: &str) -> Option<String> {
        self.states.get(service)?.alive.silence(service)
    }

    fn may_be_forgotten(&self, saga: Uuid, rows: &RowsByService<'_>) -> bool {
        let recorded = || rows.values().flatten().map(|row| row.recorded_at).min();
        let began = id::time_of(saga).or_else(recorded);
        let since = self.now().map(|now| now - Limits::default().saga_window);
        began.zip(since).is_some_and(|(began, since)| began < since)
    }
}

/// Without another attempt the failure is a dead letter.
fn with_failure(failure: &StuckEntry, wait: SagaWait) -> SagaWait {
    let StuckEntry { detail, attempts, next_at, .. } = failure;
    let times = if *attempts == 1 { "attempt" } else { "attempts" };
    let why = Some(format!("{detail} ({attempts} {times})"));
    SagaWait { why, is_dead: next_at.is_none(), next_at: *next_at, ..wait }
}

/// Returns the last of these versions under which the saga may run, by the steps that ran in its owner.
pub(crate) fn version_of(
    system: &System,
    name: &str,
    versions: &BTreeSet<u32>,
    rows: &RowsByService<'_>,
) -> Option<u32> {
    let parts = system.parts.iter();
    let mut owned = parts.flat_map(|part| part.sagas.iter().map(move |saga| (part.service, saga)));
    let (owner, saga) =
        owned.find(|(service, saga)| saga.saga == name && saga.owner == *service)?;
    let is_of_saga = |row: &&RecordedRow| saga.steps.iter().any(|step| step.name == row.step);
    let ran: Vec<&str> = rows.get(owner)?.iter().filter(is_of_saga).map(|row| &*row.step).collect();
    let ran_in = saga.versions_with(ran.iter().copied());
    let last = versions.iter().rev().find(|version| ran_in.has(**version))?;
    (!ran.is_empty()).then_some(*last)
}
