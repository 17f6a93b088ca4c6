//! A run in words, and as events.

use ballet_core::{Problem, Runs};

use crate::search::design::Design;
use crate::search::moves::{Move, MoveKind};
use crate::search::state::State;
use crate::search::verdict::Fault;
use crate::search::{Counterexample, RunEvent};

impl Design<'_> {
    pub(super) fn counterexample(
        &self,
        (saga, version): (&'static str, u32),
        fault: &Fault,
        way: &[(Move, State)],
    ) -> Counterexample {
        let moves: Vec<String> = way.iter().map(|(made, _)| self.words(*made)).collect();
        // In the sentence an answer stands for its call.
        let is_told = |made: &Move| !matches!(made.kind, MoveKind::Call | MoveKind::Arrive);
        let told = way.iter().zip(&moves).filter(|((made, _), _)| is_told(made));
        let told: Vec<&str> = told.map(|(_, words)| words.as_str()).collect();
        let run = if told.is_empty() { "from its beginning".to_owned() } else { told.join("; ") };
        let service = &self.services[fault.service];
        let problem = Problem {
            rule: fault.rule,
            service: service.name.to_owned(),
            of: fault.of.clone(),
            detail: format!("in a run of {saga} ({run}): at last {}", fault.why),
        };
        let (acts, ends) = (Vec::new(), Vec::new());
        Counterexample { saga, version, problem, moves, events: self.events_of(way), acts, ends }
    }

    pub(super) fn words(&self, made: Move) -> String {
        let event = made.event.map_or("", |event| self.events[event].event.name());
        let on = if event.is_empty() { String::new() } else { format!(" on {event}") };
        let step = || self.name(made.at);
        let service = || self.services[made.at].name;
        match made.kind {
            MoveKind::Begin => format!("{} begins it{on}", step()),
            MoveKind::Arrive => format!("{} keeps {event}, and waits", step()),
            MoveKind::Call if self.steps[made.at].part.runs == Runs::CallsOutside => {
                format!("{} calls outside{on}", step())
            }
            MoveKind::Call => format!("{} is open{on}", step()),
            MoveKind::Do => format!("{} is done{on}", step()),
            MoveKind::Refuse => format!("{} refuses{on}", step()),
            MoveKind::GiveUp => format!("the call of {} is given up", step()),
            MoveKind::Undo => format!("{} is undone", step()),
            MoveKind::TakeBack => format!("{} is taken back{on}", step()),
            MoveKind::Abort => format!("{} undoes its part{on}", service()),
            MoveKind::AbortOn => format!("{} aborts it{on}", service()),
            MoveKind::Cancel => format!("{} aborts it at a request", service()),
            MoveKind::PassDeadline => "its deadline passes".to_owned(),
            MoveKind::Outside => {
                let by = made.event.and_then(|event| self.events[event].outside.as_ref());
                format!("{} publishes {event}", by.map_or("somebody", |outside| outside.by))
            }
        }
    }

    fn events_of(&self, way: &[(Move, State)]) -> Vec<RunEvent> {
        let mut before = State::default();
        let mut all = Vec::new();
        for (number, (made, state)) in (1..).zip(way) {
            for (at, event) in self.events.iter().enumerate() {
                if !self.is_out(state, at) || self.is_out(&before, at) {
                    continue;
                }
                let is_abort = self.services.iter().any(|service| service.abort == Some(at));
                let reason = match made.kind {
                    MoveKind::Cancel => Some("at a request".to_owned()),
                    MoveKind::AbortOn => {
                        made.event.map(|on| format!("on {}", self.events[on].event))
                    }
                    _ => None,
                };
                all.push(RunEvent {
                    number,
                    publisher: self.publisher(*made, at),
                    event: event.event,
                    reason: reason.filter(|_| is_abort),
                });
            }
            before = *state;
        }
        all
    }

    pub(super) fn publisher(&self, made: Move, event: usize) -> &'static str {
        let is_cause = made.event == Some(event);
        match made.kind {
            MoveKind::Outside => {
                let outside = self.events[event].outside.as_ref();
                outside.map_or_else(|| self.events[event].event.service(), |outside| outside.by)
            }
            MoveKind::Begin | MoveKind::Refuse if is_cause => {
                let by = self.events[event].event;
                by.foreign_producers().first().copied().unwrap_or_else(|| by.service())
            }
            MoveKind::Abort | MoveKind::AbortOn | MoveKind::Cancel | MoveKind::PassDeadline => {
                self.services[made.at].name
            }
            _ => self.services[self.steps[made.at].service].name,
        }
    }
}
