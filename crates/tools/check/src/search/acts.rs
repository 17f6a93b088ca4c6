//! A run as orders for somebody who plays it on real services, and the judgement of what came of it.

use std::collections::BTreeSet;

use ballet_core::{EventType, Graph, StepKind, System};

use crate::search::Counterexample;
use crate::search::design::Design;
use crate::search::moves::{Move, MoveKind};
use crate::search::state::{Entry, State};

const ABORTED: &str = "aborted";
const ARRIVED: &str = "arrived";

/// An event of a run, with the number of its key if it repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyedEvent {
    /// The event.
    pub event: EventType,
    /// The number of its key.
    pub key: Option<usize>,
}

/// A row of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The service.
    pub service: String,
    /// The step; empty for the tombstone of a saga.
    pub step: String,
    /// The number of the step's key, if it repeats.
    pub key: Option<usize>,
    /// The entry, as the ledger has it.
    pub entry: String,
    /// The event that arrived for a join.
    pub arrived: String,
}

/// What is done in a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// A request begins the saga.
    Begin,
    /// A request aborts it.
    Cancel,
    /// A service gets an event. The first of a saga that an event begins is published by then.
    Deliver(KeyedEvent),
    /// What a step waits for outside answers.
    Answer {
        /// Whether it is the compensation.
        undo: bool,
    },
    /// The deadline is over.
    PassDeadline,
    /// Somebody else than the steps publishes an event.
    Publish(KeyedEvent),
}

/// One move of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The move in words.
    pub words: String,
    /// What is done.
    pub deed: Deed,
    /// The service that acts.
    pub service: &'static str,
    /// The step that acts.
    pub step: Option<&'static str>,
    /// The number of the step's key, if it repeats.
    pub key: Option<usize>,
    /// Whether the step refuses.
    pub refuses: bool,
    /// The number of the key of its outcome, if it repeats.
    pub outcome_key: Option<usize>,
    /// The new rows of the ledger.
    pub rows: Vec<Row>,
    /// The events that are published, by whom.
    pub publishes: Vec<(KeyedEvent, &'static str)>,
}

/// What came of a run that was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What is wrong with its end. Nothing if it ended well.
    pub fault: Option<String>,
    /// The rows that it has and should not have, and those that it should have and has not.
    pub differs: Vec<Row>,
}

/// Judges the end of a run as it was played, by the ledgers of all services and by what was published.
#[must_use]
pub fn judge(
    system: &System,
    run: &Counterexample,
    rows: &[Row],
    published: &[KeyedEvent],
) -> Judgement {
    let graph = Graph::new(system.clone()).in_version(run.saga, run.version);
    let design = Design::new(system, &graph, run.saga);
    let state = design.state_of(rows, published);
    let expected = run.acts.iter().flat_map(|act| &act.publishes).map(|(event, _)| *event);
    let expected = design.state_of(&run.ends, &expected.collect::<Vec<_>>());
    let (is, should) = (design.rows_of(&state), design.rows_of(&expected));
    let fault = (!design.is_good(&state)).then(|| design.fault_at(&state)).flatten();
    Judgement {
        fault: fault.map(|fault| fault.why),
        differs: is.symmetric_difference(&should).cloned().collect(),
    }
}

impl Design<'_> {
    /// The moves of a way, and the rows at its end.
    pub(super) fn acts(&self, way: &[(Move, State)]) -> (Vec<Act>, Vec<Row>) {
        let mut before = State::default();
        let acts = way.iter().map(|(made, after)| {
            let act = self.act(&before, *made, after);
            before = *after;
            act
        });
        (acts.collect(), self.rows_of(&before).into_iter().collect())
    }

    fn act(&self, before: &State, made: Move, after: &State) -> Act {
        use MoveKind::{Abort, AbortOn, Cancel, GiveUp, Outside, PassDeadline, Refuse, Undo};

        let of_service = matches!(made.kind, Abort | AbortOn | Cancel | PassDeadline | Outside);
        let step = self.steps.get(made.at).filter(|_| !of_service);
        let is_begun = step.is_some_and(|step| step.part.kind == StepKind::Origin);
        let event = made.event.map(|event| self.keyed(event));
        let deed = match (made.kind, event) {
            (PassDeadline, _) => Deed::PassDeadline,
            (Outside, Some(event)) => Deed::Publish(event),
            (_, Some(event)) => Deed::Deliver(event),
            (Cancel, None) => Deed::Cancel,
            (kind, None) if !is_begun => Deed::Answer { undo: kind == Undo },
            (_, None) => Deed::Begin,
        };
        let refuses = matches!(made.kind, Refuse | GiveUp);
        let outcome = step.and_then(|step| match made.kind {
            Undo => step.compensated,
            _ if refuses => step.refused,
            _ => Some(step.done),
        });
        let new = |event: &usize| self.is_out(after, *event) && !self.is_out(before, *event);
        let published = (0..self.events.len()).filter(new);
        let rows = self.rows_of(after);
        Act {
            words: self.words(made),
            deed,
            service: match step {
                Some(step) => self.services[step.service].name,
                None => self.services.get(made.at).map_or("", |service| service.name),
            },
            step: step.map(|step| step.part.name),
            key: step.and_then(|_| self.key_of(made.at)),
            refuses,
            outcome_key: outcome.and_then(|event| self.keyed(event).key),
            rows: rows.difference(&self.rows_of(before)).cloned().collect(),
            publishes: published
                .map(|event| (self.keyed(event), self.publisher(made, event)))
                .collect(),
        }
    }

    /// The number among those of the same event, if there are several.
    fn keyed(&self, at: usize) -> KeyedEvent {
        let event = self.events[at].event;
        let is_same = |other: &usize| self.events[*other].event == event;
        let several = (0..self.events.len()).filter(is_same).count() > 1;
        KeyedEvent { event, key: several.then(|| (0..at).filter(is_same).count()) }
    }

    fn key_of(&self, at: usize) -> Option<usize> {
        let step = &self.steps[at];
        let is_same = |other: &usize| {
            let other = &self.steps[*other];
            other.service == step.service && other.part.name == step.part.name
        };
        step.repeats.then(|| (0..at).filter(is_same).count())
    }

    fn rows_of(&self, state: &State) -> BTreeSet<Row> {
        let row = |service: usize, step: &str, key, entry: &str, arrived: &str| Row {
            service: self.services[service].name.to_owned(),
            step: step.to_owned(),
            key,
            entry: entry.to_owned(),
            arrived: arrived.to_owned(),
        };
        let mut rows = BTreeSet::new();
        for (at, step) in self.steps.iter().enumerate() {
            let key = self.key_of(at);
            let of_step =
                |entry: &str, arrived: &str| row(step.service, step.part.name, key, entry, arrived);
            let entry = state.entry(at);
            if entry != Entry::Nothing {
                rows.insert(of_step(entry.as_str(), ""));
            }
            if state.is_taken_back(at) {
                rows.insert(of_step(ABORTED, ""));
            }
            let came = step.on.iter().zip(&step.part.on).filter(|_| step.on.len() > 1);
            let came = came.filter(|(part, _)| state.has(part.arrived));
            rows.extend(came.map(|(_, event)| of_step(ARRIVED, event.name())));
        }
        let buried = (0..self.services.len()).filter(|at| state.has(self.services[*at].tombstone));
        rows.extend(buried.map(|at| row(at, "", None, ABORTED, "")));
        rows
    }

    /// Of several rows of a step the latest counts.
    fn state_of(&self, rows: &[Row], published: &[KeyedEvent]) -> State {
        let mut state = State::default();
        for row in rows {
            let named = |at: &usize| self.services[*at].name == row.service;
            let Some(service) = (0..self.services.len()).find(named) else { continue };
            if row.step.is_empty() {
                state.set(self.services[service].tombstone);
            }
            let is_it = |at: &&usize| {
                let key = self.key_of(**at);
                self.steps[**at].part.name == row.step && (key.is_none() || key == row.key)
            };
            let Some(at) = self.services[service].steps.iter().find(is_it).copied() else {
                continue;
            };
            let step = &self.steps[at];
            match Entry::parse(&row.entry) {
                Some(entry) if entry > state.entry(at) => state.enter(at, entry),
                None if row.entry == ABORTED => state.take_back(at),
                None if row.entry == ARRIVED => {
                    let parts = step.on.iter().zip(&step.part.on);
                    let came = parts.filter(|(_, event)| event.name() == row.arrived);
                    came.for_each(|(part, _)| state.set(part.arrived));
                }
                _ => {}
            }
        }
        let out = (0..self.events.len()).filter(|at| published.contains(&self.keyed(*at)));
        out.for_each(|at| state.set(self.events[at].published));
        state
    }
}
