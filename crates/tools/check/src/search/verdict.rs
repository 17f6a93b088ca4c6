//! What is wrong with a state.

use ballet_core::StepKind;
use ballet_core::rules::catalogue::{self, Rule};

use crate::search::design::{Design, Step};
use crate::search::state::{Entry, State};

pub(super) struct Fault {
    pub(super) rule: &'static Rule,
    /// The place of the service that can mend it.
    pub(super) service: usize,
    /// The step, or the saga.
    pub(super) of: String,
    pub(super) why: String,
}

impl Design<'_> {
    /// Whether a run that rests so has ended well: completed, or with nothing left.
    pub(super) fn is_good(&self, state: &State) -> bool {
        if !self.is_begun(state) || self.twice(state).is_some() {
            return false;
        }
        if self.is_aborted(state) {
            return self.left(state).is_none();
        }
        let may_wait = !self.has_decision() || self.decision_waits_anew(state);
        (self.is_decided(state) || may_wait) && self.missing(state).is_none()
    }

    /// Whether a decision waits for a step that was taken back under all keys, and will be asked under the next one.
    fn decision_waits_anew(&self, state: &State) -> bool {
        let mut parts = self.of_kind(StepKind::Decision).flat_map(|at| &self.steps[at].on);
        parts.any(|part| self.comes_anew(state, &part.events))
    }

    fn comes_anew(&self, state: &State, events: &[usize]) -> bool {
        let is_done = |at: &usize| state.entry(*at) == Entry::Done;
        self.repeated_before(events).any(|one| {
            one.steps.iter().all(|at| state.is_taken_back(*at))
                && (one.asked_by.is_empty() || one.asked_by.iter().any(is_done))
        })
    }

    /// A run that ends in two ways.
    pub(super) fn twice(&self, state: &State) -> Option<Fault> {
        let done = |at: &usize| state.entry(*at) == Entry::Done;
        let mut decisions = self.of_kind(StepKind::Decision).filter(done);
        let first = decisions.next()?;
        let how = match decisions.next() {
            Some(other) => format!("and by {}: only one of them may run", self.name(other)),
            None if self.is_aborted(state) => {
                let abort = self.services.iter().find_map(|service| service.part.abort);
                let abort = abort.map_or("its abort", |event| event.name());
                format!("and aborted, since somebody other than its owner publishes {abort}")
            }
            None => return None,
        };
        Some(self.fault(
            &catalogue::DECIDED_ONCE,
            first,
            format!("it is decided by {}, {how}", self.name(first)),
        ))
    }

    /// A step that took effect, and whose effect stays in an aborted run.
    fn left(&self, state: &State) -> Option<Fault> {
        let is_left = |at: &usize| {
            let kind = self.steps[*at].part.kind;
            state.entry(*at) == Entry::Done
                && !matches!(kind, StepKind::Origin | StepKind::Decision)
        };
        let at = (0..self.steps.len()).find(is_left)?;
        let service = &self.services[self.steps[at].service];
        let why = match service.abort {
            Some(abort) if self.steps[at].part.kind.can_be_compensated() => format!(
                "{} stays done: {} does not undo its part, since nobody publishes {}",
                self.name(at),
                service.name,
                self.events[abort].event
            ),
            _ if self.steps[at].part.kind.can_be_compensated() => {
                format!("{} stays done: {} hears of no abort", self.name(at), service.name)
            }
            _ => format!("{} stays done: it has no compensation", self.name(at)),
        };
        Some(self.fault(&catalogue::NOTHING_LEFT, at, why))
    }

    /// A step that a run which is not aborted waits for in vain.
    fn missing(&self, state: &State) -> Option<Fault> {
        // A call that was given up has refused nothing, and an owner's own refusal may come too late to abort.
        let unheeded = |at: &usize| {
            let is_told = |event| self.is_out(state, event) && !self.is_heeded(event);
            let is_late = || self.aborts_by_refusing(*at) && !state.is_taken_back(*at);
            state.entry(*at) == Entry::Refused
                && (self.steps[*at].refused.is_some_and(is_told) || is_late())
        };
        if let Some(at) = (0..self.steps.len()).find(unheeded) {
            let refused = self.steps[at].part.refused.map_or("", |event| event.name());
            let why = if self.is_decided(state) {
                format!(
                    "{} refuses with {refused} after the decision, and nobody acts on it",
                    self.name(at)
                )
            } else {
                format!("{} refuses with {refused}, and nobody acts on it", self.name(at))
            };
            return Some(self.fault(&catalogue::RUN_ENDS, at, why));
        }
        (0..self.steps.len()).find_map(|at| self.half_join(state, at))
    }

    /// A join that has one event and waits for another, unless other steps do its work.
    fn half_join(&self, state: &State, at: usize) -> Option<Fault> {
        let step = &self.steps[at];
        let is_over = step.on.len() < 2
            || state.entry(at) != Entry::Nothing
            || step.part.kind == StepKind::Decision && self.is_decided(state);
        if is_over {
            return None;
        }
        let (came, missing): (Vec<usize>, Vec<usize>) =
            (0..step.on.len()).partition(|part| state.has(step.on[*part].arrived));
        let is_outside = |event: &usize| self.events[*event].outside.is_some();
        let is_left = |(came, missing): &(usize, usize)| {
            let events = &step.on[*missing].events;
            let is_done = |other: &usize| state.entry(*other) == Entry::Done;
            !events.iter().all(is_outside)
                && !self.comes_anew(state, events)
                && !self.instead_of(at, *came, *missing).iter().any(is_done)
        };
        let mut pairs =
            came.iter().flat_map(|came| missing.iter().map(|missing| (*came, *missing)));
        let (came, missing) = pairs.find(is_left)?;
        let why = format!(
            "{} has {} and waits for {}, which does not come any more",
            self.name(at),
            step.part.on[came],
            step.part.on[missing]
        );
        Some(self.fault(&catalogue::RUN_ENDS, at, why))
    }

    /// What is wrong with a run that cannot end well, and rests like this at last.
    pub(super) fn fault_at(&self, state: &State) -> Option<Fault> {
        if let Some(fault) = self.twice(state) {
            return Some(fault);
        }
        if self.is_aborted(state) {
            return self.left(state);
        }
        if let Some(fault) = self.missing(state) {
            return Some(fault);
        }
        let decision = self.of_kind(StepKind::Decision).next()?;
        let on: Vec<&str> = self.steps[decision].part.on.iter().map(|event| event.name()).collect();
        let why =
            format!("{} waits for {}, which does not come", self.name(decision), on.join(" and "));
        Some(self.fault(&catalogue::RUN_ENDS, decision, why))
    }

    fn fault(&self, rule: &'static Rule, step: usize, why: String) -> Fault {
        let Step { service, part, .. } = &self.steps[step];
        Fault { rule, service: *service, of: part.name.to_owned(), why }
    }
}
