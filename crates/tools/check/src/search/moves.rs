//! The moves of a run, as the engine makes them: each is one handler's transaction, or something from outside.

use ballet_core::{EventType, Runs, StepKind};

use crate::search::design::Design;
use crate::search::outside::Outside;
use crate::search::state::{Entry, State};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MoveKind {
    Begin,
    /// A part of a join comes, and another is missing.
    Arrive,
    /// A step's outcome will come later.
    Call,
    Do,
    Refuse,
    /// A call of an aborted run ends without having done anything.
    GiveUp,
    /// The call of a compensation is answered.
    Undo,
    /// A repetition is taken back by its key.
    TakeBack,
    /// A service hears of the abort.
    Abort,
    /// The owner aborts on an event.
    AbortOn,
    /// The owner aborts at a request.
    Cancel,
    PassDeadline,
    /// An event comes from elsewhere than the saga's steps.
    Outside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) kind: MoveKind,
    /// The place of the step, or of the service that aborts.
    pub(super) at: usize,
    /// The event that is handled, or comes from outside.
    pub(super) event: Option<usize>,
}

impl Move {
    /// Whether it happens at last, whoever does what outside.
    pub(super) const fn is_certain(self) -> bool {
        !matches!(
            self.kind,
            MoveKind::Begin | MoveKind::Cancel | MoveKind::PassDeadline | MoveKind::Outside
        )
    }
}

impl Design<'_> {
    pub(super) fn is_begun(&self, state: &State) -> bool {
        let mut origins = self.of_kind(StepKind::Origin).peekable();
        origins.peek().is_none() || origins.any(|at| state.entry(at) != Entry::Nothing)
    }

    pub(super) fn is_decided(&self, state: &State) -> bool {
        self.of_kind(StepKind::Decision).any(|at| state.entry(at) == Entry::Done)
    }

    /// Whether the abort is published, by whomever.
    pub(super) fn is_aborted(&self, state: &State) -> bool {
        let is_owners = |owner: usize| state.has(self.services[owner].tombstone);
        let mut aborts = self.services.iter().filter_map(|service| service.abort);
        self.owner.is_some_and(is_owners) || aborts.any(|event| self.is_out(state, event))
    }

    pub(super) fn of_kind(&self, kind: StepKind) -> impl Iterator<Item = usize> {
        (0..self.steps.len()).filter(move |at| self.steps[*at].part.kind == kind)
    }

    pub(super) fn is_out(&self, state: &State, event: usize) -> bool {
        state.has(self.events[event].published)
    }

    /// Whether a run may need a move in this state for a good end. One that only its deadline ends has hung until then,
    /// and nobody outside repairs an aborted one.
    pub(super) fn helps(&self, state: &State, made: Move) -> bool {
        match made.kind {
            MoveKind::Cancel | MoveKind::PassDeadline => false,
            MoveKind::Outside => !self.is_aborted(state),
            _ => true,
        }
    }

    fn publish(&self, state: &mut State, event: usize) {
        state.set(self.events[event].published);
    }

    /// Calls `take` with each move that changes the state, and with the state after it.
    pub(super) fn moves(&self, state: &State, take: &mut dyn FnMut(Move, State)) {
        let is_begun = self.is_begun(state);
        for at in 0..self.steps.len() {
            let is_origin = self.steps[at].part.kind == StepKind::Origin;
            match state.entry(at) {
                Entry::Nothing if is_origin && !is_begun => self.begin(state, at, take),
                Entry::Nothing if is_origin => {}
                Entry::Nothing => self.trigger(state, at, take),
                Entry::Calling => self.answer(state, at, take),
                Entry::Undoing => {
                    let mut next = *state;
                    self.undone(&mut next, at);
                    if state.has(self.services[self.steps[at].service].tombstone) {
                        self.compensate(&mut next, self.steps[at].service);
                    }
                    take(Move { kind: MoveKind::Undo, at, event: None }, next);
                }
                Entry::Refused | Entry::Done | Entry::Undone => {}
            }
            self.take_back(state, at, take);
        }
        if is_begun {
            self.abort(state, take);
            self.come_from_outside(state, take);
        }
    }

    fn begin(&self, state: &State, at: usize, take: &mut dyn FnMut(Move, State)) {
        let on = self.steps[at].on.first().and_then(|part| part.events.first()).copied();
        let mut begun = *state;
        on.into_iter().for_each(|event| self.publish(&mut begun, event));
        self.run(&begun, at, &mut |made, next| {
            let kind = if made == MoveKind::Do { MoveKind::Begin } else { made };
            take(Move { kind, at, event: on }, next);
        });
    }

    fn trigger(&self, state: &State, at: usize, take: &mut dyn FnMut(Move, State)) {
        let step = &self.steps[at];
        if state.has(self.services[step.service].tombstone) || state.is_taken_back(at) {
            return;
        }
        let is_join = step.on.len() > 1;
        for part in &step.on {
            let Some(event) = part.events.iter().find(|event| self.is_out(state, **event)) else {
                continue;
            };
            let mut next = *state;
            if is_join {
                if state.has(part.arrived) {
                    continue;
                }
                next.set(part.arrived);
                if !step.on.iter().all(|part| next.has(part.arrived)) {
                    take(Move { kind: MoveKind::Arrive, at, event: Some(*event) }, next);
                    continue;
                }
            }
            self.run(&next, at, &mut |kind, next| {
                take(Move { kind, at, event: Some(*event) }, next);
            });
        }
    }

    fn run(&self, state: &State, at: usize, take: &mut dyn FnMut(MoveKind, State)) {
        let step = &self.steps[at];
        if step.part.runs.is_answered_later() {
            let mut next = *state;
            next.enter(at, Entry::Calling);
            take(MoveKind::Call, next);
            return;
        }
        take(MoveKind::Do, self.done(state, at));
        if step.refused.is_some() {
            take(MoveKind::Refuse, self.refused(state, at));
        }
    }

    fn done(&self, state: &State, at: usize) -> State {
        let mut next = *state;
        next.enter(at, Entry::Done);
        self.publish(&mut next, self.steps[at].done);
        next
    }

    /// Whether a step is of the owner, and its refusal is the abort.
    pub(super) fn aborts_by_refusing(&self, at: usize) -> bool {
        let step = &self.steps[at];
        self.owner == Some(step.service)
            && step.refused.is_some()
            && step.refused == self.services[step.service].abort
    }

    fn refused(&self, state: &State, at: usize) -> State {
        let mut next = *state;
        next.enter(at, Entry::Refused);
        if self.aborts_by_refusing(at) {
            return self.aborted(&next).unwrap_or(next);
        }
        self.steps[at].refused.into_iter().for_each(|event| self.publish(&mut next, event));
        next
    }

    fn answer(&self, state: &State, at: usize, take: &mut dyn FnMut(Move, State)) {
        let service = self.steps[at].service;
        let mut take = |kind, next| take(Move { kind, at, event: None }, next);
        let is_buried = state.has(self.services[service].tombstone);
        if !is_buried && !state.is_taken_back(at) {
            take(MoveKind::Do, self.done(state, at));
            if self.steps[at].refused.is_some() {
                take(MoveKind::Refuse, self.refused(state, at));
            }
            return;
        }
        // Aborted meanwhile, so the outcome is not published.
        for (kind, entry) in [(MoveKind::Do, Entry::Done), (MoveKind::GiveUp, Entry::Refused)] {
            let mut next = *state;
            next.enter(at, entry);
            if is_buried {
                self.compensate(&mut next, service);
            } else if entry == Entry::Done {
                self.undo(&mut next, at);
            }
            take(kind, next);
        }
    }

    fn take_back(&self, state: &State, at: usize, take: &mut dyn FnMut(Move, State)) {
        let step = &self.steps[at];
        let event = step.taken_back_by.iter().find(|event| self.is_out(state, **event));
        let is_buried = state.has(self.services[step.service].tombstone);
        let Some(event) = event.filter(|_| !is_buried && !state.is_taken_back(at)) else { return };
        let mut next = *state;
        next.take_back(at);
        if next.entry(at) == Entry::Done {
            self.undo(&mut next, at);
        }
        take(Move { kind: MoveKind::TakeBack, at, event: Some(*event) }, next);
    }

    fn abort(&self, state: &State, take: &mut dyn FnMut(Move, State)) {
        for (at, service) in self.services.iter().enumerate() {
            let heard =
                service.abort.filter(|event| self.owner != Some(at) && self.is_out(state, *event));
            if heard.is_some() && !state.has(service.tombstone) {
                let mut next = *state;
                next.set(service.tombstone);
                self.compensate(&mut next, at);
                take(Move { kind: MoveKind::Abort, at, event: heard }, next);
            }
        }
        let (Some(at), Some(next)) = (self.owner, self.aborted(state)) else { return };
        let on = self.services[at].aborts_on.iter().copied().chain(self.passed);
        for event in on.filter(|event| self.is_out(state, *event)) {
            take(Move { kind: MoveKind::AbortOn, at, event: Some(event) }, next);
        }
        take(Move { kind: MoveKind::Cancel, at, event: None }, next);
    }

    /// The state after the owner's abort. `None` if something else was first.
    fn aborted(&self, state: &State) -> Option<State> {
        let owner = self.owner?;
        let service = &self.services[owner];
        let abort = service.abort?;
        if state.has(service.tombstone) || self.is_decided(state) {
            return None;
        }
        let mut next = *state;
        next.set(service.tombstone);
        self.compensate(&mut next, owner);
        self.publish(&mut next, abort);
        Some(next)
    }

    /// The latest step first, until a call is out. Which of two steps is the later makes no difference to what is
    /// left, so it is the one that is declared later.
    fn compensate(&self, state: &mut State, service: usize) {
        let steps = &self.services[service].steps;
        let is_out = |at: &usize| matches!(state.entry(*at), Entry::Calling | Entry::Undoing);
        if steps.iter().any(is_out) {
            return;
        }
        for at in steps.iter().rev() {
            let can_be = self.steps[*at].part.kind.can_be_compensated();
            if can_be && state.entry(*at) == Entry::Done && self.undo(state, *at) {
                return;
            }
        }
    }

    /// Returns whether a call is out.
    fn undo(&self, state: &mut State, at: usize) -> bool {
        let calls = self.steps[at].part.runs == Runs::CallsOutside;
        if calls {
            state.enter(at, Entry::Undoing);
        } else {
            self.undone(state, at);
        }
        calls
    }

    fn undone(&self, state: &mut State, at: usize) {
        state.enter(at, Entry::Undone);
        self.steps[at].compensated.into_iter().for_each(|event| self.publish(state, event));
    }

    fn come_from_outside(&self, state: &State, take: &mut dyn FnMut(Move, State)) {
        let is_open = !self.is_decided(state) && !self.is_aborted(state);
        let passes = self.passed.filter(|_| is_open);
        let came = self.events.iter().enumerate().filter_map(|(event, it)| {
            let outside = it.outside.as_ref()?;
            self.may_come(state, outside).then_some((MoveKind::Outside, event))
        });
        let passes = passes.map(|event| (MoveKind::PassDeadline, event));
        for (kind, event) in came.chain(passes).filter(|(_, event)| !self.is_out(state, *event)) {
            let mut next = *state;
            self.publish(&mut next, event);
            take(Move { kind, at: self.owner.unwrap_or_default(), event: Some(event) }, next);
        }
    }

    fn may_come(&self, state: &State, outside: &Outside) -> bool {
        let is_over = |at: &usize| match state.entry(*at) {
            Entry::Done | Entry::Undone => true,
            Entry::Refused => self.steps[*at]
                .refused
                .is_none_or(|event| self.is_heeded(event) || !self.is_out(state, event)),
            Entry::Nothing => {
                state.is_taken_back(*at)
                    || !self.steps[*at]
                        .on
                        .iter()
                        .all(|part| part.events.iter().any(|event| self.is_out(state, *event)))
            }
            Entry::Calling | Entry::Undoing => false,
        };
        let is_said = |event: &EventType| {
            self.events.iter().any(|it| it.event == *event && state.has(it.published))
        };
        let is_past = (outside.ends_with_decision && self.is_decided(state))
            || outside.ends_with.iter().any(is_said);
        !is_past && outside.after.iter().all(is_over)
    }
}
