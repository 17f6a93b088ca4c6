//! Events of joins, which wait for several triggers and are caused by the last.

use std::collections::HashMap;

use ballet_core::System;

/// The events that joins publish, each with its triggers.
#[derive(Debug, Clone, Default)]
pub struct Joins(HashMap<String, Vec<Vec<String>>>);

impl Joins {
    /// Reads the declarations: a step on several events waits for all of them.
    #[must_use]
    pub fn of(system: &System) -> Self {
        let mut joins = Self::default();
        let sagas = system.parts.iter().flat_map(|part| &part.sagas);
        for step in sagas.flat_map(|saga| &saga.steps).filter(|step| step.on.len() > 1) {
            for event in [Some(step.done), step.refused].into_iter().flatten() {
                joins.add(event.name(), step.on.iter().map(|trigger| trigger.name()));
            }
        }
        joins
    }

    fn add<'a>(&mut self, event: &str, triggers: impl Iterator<Item = &'a str>) {
        let mut triggers: Vec<String> = triggers.map(str::to_owned).collect();
        triggers.sort_unstable();
        self.0.entry(event.to_owned()).or_default().push(triggers);
    }

    pub(super) fn of_event(&self, event: &str, cause: &str) -> Option<&[String]> {
        let mut all = self.0.get(event)?.iter();
        all.find(|triggers| triggers.iter().any(|trigger| trigger == cause)).map(Vec::as_slice)
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }
}
