//! Which declared steps have run, by the number of events of each type.

use ballet_core::{EventType, System};
use serde::Serialize;

/// How often a step has run. Steps with the same event share its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepCoverage {
    /// The saga.
    pub saga: &'static str,
    /// The service.
    pub service: &'static str,
    /// The step.
    pub step: &'static str,
    /// How often it was done.
    pub done: u64,
    /// How often it refused. `None` if it cannot.
    pub refused: Option<u64>,
    /// How often it was compensated. `None` if no event shows that.
    pub compensated: Option<u64>,
}

impl StepCoverage {
    /// Returns what has never happened.
    #[must_use]
    pub fn never(&self) -> Vec<&'static str> {
        if self.done == 0 {
            // Nothing else can be said of such a step.
            return vec!["ran"];
        }
        let refused = (self.refused == Some(0)).then_some("refused");
        let compensated = (self.compensated == Some(0)).then_some("compensated");
        refused.into_iter().chain(compensated).collect()
    }
}

/// Returns all declared steps, with what `count` says of their events.
pub fn coverage(system: &System, count: impl Fn(&str) -> u64) -> Vec<StepCoverage> {
    let count_of = |event: EventType| count(event.name());
    let mut all = Vec::new();
    for part in &system.parts {
        for saga in &part.sagas {
            all.extend(saga.steps.iter().map(|step| StepCoverage {
                saga: saga.saga,
                service: part.service,
                step: step.name,
                done: count_of(step.done),
                refused: step.refused.map(count_of),
                compensated: step.compensated.map(count_of),
            }));
        }
    }
    all.sort_by_key(|step| step.saga);
    all
}
