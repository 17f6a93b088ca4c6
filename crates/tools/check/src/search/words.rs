//! A run in words.

use ballet_core::{Problem, Runs};

use crate::search::design::Design;
use crate::search::moves::{Move, MoveKind};
use crate::search::state::State;
use crate::search::verdict::Fault;

impl Design<'_> {
    /// A fault, with the run that leads to it.
    pub(super) fn problem(&self, saga: &str, fault: &Fault, way: &[(Move, State)]) -> Problem {
        // In the sentence an answer stands for its call.
        let is_told = |made: &Move| !matches!(made.kind, MoveKind::Call | MoveKind::Arrive);
        let told = way.iter().map(|(made, _)| *made).filter(is_told);
        let told: Vec<String> = told.map(|made| self.words(made)).collect();
        let run = if told.is_empty() { "from its beginning".to_owned() } else { told.join("; ") };
        Problem {
            rule: fault.rule,
            service: self.services[fault.service].name.to_owned(),
            of: fault.of.clone(),
            detail: format!("in a run of {saga} ({run}): at last {}", fault.why),
        }
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
