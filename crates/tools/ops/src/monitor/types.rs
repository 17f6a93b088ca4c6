//! The declared types as numbers, with their meaning in their saga.

use std::collections::{BTreeSet, HashMap};

use ballet_core::{EventType, Part, Role, SagaPart, StepKind, StepPart, System};

pub(super) type Kind = u16;
/// No contract declares the type.
pub(super) const UNDECLARED: Kind = Kind::MAX;

#[derive(Debug)]
pub(super) struct Types {
    by_name: HashMap<&'static str, Kind>,
    facts: Vec<Facts>,
    pub(super) undoes: Vec<Undoes>,
    services: Vec<&'static str>,
}

#[derive(Debug)]
pub(super) struct Facts {
    pub(super) event: EventType,
    /// The saga that it ends, or in which it is an outcome.
    pub(super) saga: Option<&'static str>,
    /// It may be the first event of a saga.
    pub(super) begins: bool,
    /// A step is done or refused with it.
    pub(super) is_outcome: bool,
    pub(super) is_undo: bool,
    pub(super) is_decision: bool,
    pub(super) is_abort: bool,
    /// Whether its publisher owns the saga.
    pub(super) by_owner: bool,
    /// The number of steps that are done or refused with it.
    pub(super) steps: usize,
    /// The types that may cause it. `None` if others may, too.
    pub(super) causes: Option<BTreeSet<Kind>>,
}

/// The event of a compensation, and what it undoes.
#[derive(Debug)]
pub(super) struct Undoes {
    pub(super) undo: Kind,
    pub(super) done: Vec<Kind>,
    /// Whether no other step is done with one of these events.
    pub(super) is_exclusive: bool,
    /// The triggers of each step, if one calls outside: what it did after the abort is undone, and was not published.
    pub(super) triggers: Option<Vec<Vec<Kind>>>,
}

type Step<'a> = (&'a Part, &'a SagaPart, &'a StepPart);

fn steps(system: &System) -> Vec<Step<'_>> {
    let mut all = Vec::new();
    for part in &system.parts {
        for saga in &part.sagas {
            all.extend(saga.steps.iter().map(|step| (part, saga, step)));
        }
    }
    all
}

impl Types {
    pub(super) fn new(system: &System) -> Self {
        let known = system.known_types();
        let numbered = known.iter().zip(0..UNDECLARED);
        let by_name: HashMap<_, _> = numbered.map(|(event, kind)| (event.name(), kind)).collect();
        let kinds = |types: &[EventType]| -> Vec<Kind> {
            types.iter().filter_map(|event| by_name.get(event.name()).copied()).collect()
        };
        let facts = known.iter().map(|event| facts(system, *event, &kinds)).collect();
        let all = steps(system);
        let undone: BTreeSet<EventType> =
            all.iter().filter_map(|(_, _, step)| step.compensated).collect();
        let undoes = |undo: EventType| {
            let own: Vec<&StepPart> = all
                .iter()
                .filter(|(_, _, step)| step.compensated == Some(undo))
                .map(|(_, _, step)| *step)
                .collect();
            let done: BTreeSet<EventType> = own.iter().map(|step| step.done).collect();
            let sharing = all.iter().filter(|(_, _, step)| done.contains(&step.done)).count();
            let may_call = own.iter().any(|step| step.runs.is_answered_later());
            Some(Undoes {
                undo: *by_name.get(undo.name())?,
                done: kinds(&done.into_iter().collect::<Vec<_>>()),
                is_exclusive: sharing == own.len(),
                triggers: may_call.then(|| own.iter().map(|step| kinds(&step.on)).collect()),
            })
        };
        let undoes = undone.into_iter().filter_map(undoes).collect();
        let services = system.parts.iter().map(|part| part.service).collect();
        Self { by_name, facts, undoes, services }
    }

    pub(super) fn kind(&self, name: &str) -> Kind {
        self.by_name.get(name).copied().unwrap_or(UNDECLARED)
    }

    pub(super) fn facts(&self, kind: Kind) -> Option<&Facts> {
        self.facts.get(usize::from(kind))
    }

    pub(super) fn name(&self, kind: Kind) -> &'static str {
        self.facts(kind).map_or("an undeclared event", |facts| facts.event.name())
    }

    /// The position of the service to which a type belongs.
    pub(super) fn service_of(&self, kind: Kind) -> Option<usize> {
        self.service(self.facts(kind)?.event.service())
    }

    pub(super) fn service(&self, name: &str) -> Option<usize> {
        self.services.iter().position(|service| *service == name)
    }

    pub(super) fn service_count(&self) -> usize {
        self.services.len()
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }
}

fn facts(system: &System, event: EventType, kinds: &dyn Fn(&[EventType]) -> Vec<Kind>) -> Facts {
    let is_outcome = |step: &StepPart| step.done == event || step.refused == Some(event);
    let mut of_steps = steps(system);
    of_steps.retain(|(_, _, step)| step.has_outcome(event));
    let sagas = || system.parts.iter().flat_map(|part| &part.sagas);
    let aborted = sagas().find(|saga| saga.abort == Some(event));
    let saga = of_steps.first().map(|(_, saga, _)| *saga).or(aborted);
    let emitter = system.parts.iter().find(|part| part.service == event.service());
    // Another producer, a request, a copy or a clock may be the cause.
    let mut is_open = emitter.is_none()
        || !event.foreign_producers().is_empty()
        || sagas().any(|saga| saga.deadline.is_some_and(|deadline| deadline.passed == event))
        || emitter.is_some_and(|part| part.copies.iter().any(|copy| copy.request == Some(event)));
    let mut allowed = BTreeSet::new();
    for (part, _, step) in &of_steps {
        if step.compensated == Some(event) {
            // Also the answer to a call, or a person, lets undos go on.
            allowed.extend([part.consumes(), part.emits()].concat());
        }
        if is_outcome(step) {
            is_open |= step.on.is_empty();
            allowed.extend(step.on.iter().copied());
        }
    }
    if let Some(part) = emitter {
        let is_shared = part.shares.iter().any(|share| share.republished == event);
        if aborted.is_some() || is_shared || part.publishes.contains(&event) {
            allowed.extend([part.consumes(), part.emits()].concat());
        }
    }
    let has_kind = |kind| of_steps.iter().any(|(_, _, s)| s.kind == kind && s.done == event);
    let allowed: Vec<EventType> = allowed.into_iter().collect();
    Facts {
        event,
        saga: saga.map(|saga| saga.saga),
        begins: event.role() == Role::StartsSaga || has_kind(StepKind::Origin),
        is_outcome: of_steps.iter().any(|(_, _, step)| is_outcome(step)),
        is_undo: of_steps.iter().any(|(_, _, step)| step.compensated == Some(event)),
        is_decision: has_kind(StepKind::Decision),
        is_abort: aborted.is_some(),
        by_owner: saga.is_some_and(|saga| saga.owner == event.service()),
        steps: of_steps.iter().filter(|(_, _, step)| is_outcome(step)).count(),
        causes: (!is_open).then(|| kinds(&allowed).into_iter().collect()),
    }
}
