//! What may follow an event, and which steps take the place of others.

use std::collections::BTreeSet;

use ballet_core::StepKind;

use crate::search::design::{Design, Repeated};

impl Design<'_> {
    /// The steps that may run after one of these events.
    fn behind(&self, events: &[usize]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        loop {
            let comes =
                |event: &usize| events.contains(event) || self.is_published_by(&found, *event);
            let is_next =
                |at: &usize| self.steps[*at].on.iter().any(|part| part.events.iter().any(comes));
            let next: BTreeSet<usize> = (0..self.steps.len()).filter(is_next).collect();
            if next.len() == found.len() {
                return found;
            }
            found = next;
        }
    }

    /// Whether it is an outcome of these steps. What a compensation publishes is none.
    fn is_published_by(&self, steps: &BTreeSet<usize>, event: usize) -> bool {
        steps
            .iter()
            .map(|at| &self.steps[*at])
            .any(|it| it.done == event || it.refused == Some(event))
    }

    fn outcomes(&self, steps: &BTreeSet<usize>) -> impl Iterator<Item = usize> {
        (0..self.events.len()).filter(|event| self.is_published_by(steps, *event))
    }

    /// The steps that do the work of a join which has the event of the part `came`, and waits in vain for that of
    /// `missing`: they come to the same event, or run where a step had the other outcome.
    pub(super) fn instead_of(&self, at: usize, came: usize, missing: usize) -> Vec<usize> {
        let step = &self.steps[at];
        let after = self.behind(&step.on[came].events);
        let missing = &step.on[missing].events;
        let takes_over = |other: &usize| {
            let it = &self.steps[*other];
            let goes_on = it.part.kind == StepKind::Decision || after.contains(other);
            it.done == step.done || goes_on && self.is_turned_away(missing, *other)
        };
        (0..self.steps.len()).filter(|other| *other != at).filter(takes_over).collect()
    }

    /// Whether one of these events comes only where a step has the outcome after which `other` does not run.
    fn is_turned_away(&self, events: &[usize], other: usize) -> bool {
        self.steps.iter().any(|by| {
            let ways = by.refused.map_or(Vec::new(), |no| vec![(by.done, no), (no, by.done)]);
            ways.into_iter().any(|(there, here)| {
                let (on_there, on_here) = (self.behind(&[there]), self.behind(&[here]));
                let is_there = |event: &usize| {
                    (*event == there || self.is_published_by(&on_there, *event))
                        && *event != here
                        && !self.is_published_by(&on_here, *event)
                };
                on_here.contains(&other)
                    && !on_there.contains(&other)
                    && events.iter().any(is_there)
            })
        })
    }

    /// `of_node` has the copies of each step.
    pub(super) fn begun_anew(&self, of_node: &[Vec<usize>]) -> Vec<Repeated> {
        let repeated = of_node.iter().filter_map(|copies| {
            let last = &self.steps[*copies.last()?];
            last.taken_back_by.first()?;
            let on: Vec<usize> = last.on.iter().flat_map(|part| part.events.clone()).collect();
            let mut ends = last.taken_back_by.clone();
            ends.extend([last.done].into_iter().chain(last.compensated));
            let asks = |at: &usize| self.steps[*at].repeats && on.contains(&self.steps[*at].done);
            let mut asked_by: Vec<usize> = self.behind(&ends).into_iter().filter(asks).collect();
            if on.iter().any(|event| self.comes_again(*event, &mut BTreeSet::new())) {
                asked_by.clear();
            } else if asked_by.is_empty() {
                return None;
            }
            let mut steps: BTreeSet<usize> = copies.iter().copied().collect();
            steps.extend(self.behind(&self.outcomes(&steps).collect::<Vec<_>>()));
            let leads_to = self.outcomes(&steps).collect();
            Some(Repeated { steps: copies.clone(), asked_by, leads_to })
        });
        repeated.collect()
    }

    /// Whether an event comes under another key from outside, perhaps by steps that repeat.
    fn comes_again(&self, event: usize, seen: &mut BTreeSet<usize>) -> bool {
        let by = |at: &usize| {
            let step = &self.steps[*at];
            step.repeats && (step.done == event || step.refused == Some(event))
        };
        seen.insert(event)
            && (self.events[event].outside.is_some()
                || (0..self.steps.len()).filter(by).any(|at| {
                    let mut on = self.steps[at].on.iter().flat_map(|part| &part.events);
                    on.any(|event| self.comes_again(*event, seen))
                }))
    }

    /// The repeated steps that lead to one of these events.
    pub(super) fn repeated_before<'s>(
        &'s self,
        events: &'s [usize],
    ) -> impl Iterator<Item = &'s Repeated> {
        let leads = |one: &&Repeated| events.iter().any(|event| one.leads_to.contains(event));
        self.repeated.iter().filter(leads)
    }
}
