//! The steps of one saga over all services, and which of them come before which.

use std::collections::BTreeSet;

use crate::events::event::EventType;
use crate::parts::part::{Part, SagaPart, StepKind, StepPart, System};
use crate::parts::versions::FIRST;

/// A step and the service that it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// The service.
    pub service: &'static str,
    /// The service's part in the saga.
    pub saga: &'a SagaPart,
    /// The step.
    pub step: &'a StepPart,
}

impl Node<'_> {
    /// Whether the step has an outcome with this event.
    pub(crate) fn publishes(&self, event: &EventType) -> bool {
        self.step.has_outcome(*event)
    }
}

pub(crate) fn sagas(system: &System) -> BTreeSet<&'static str> {
    system.parts.iter().flat_map(|part| part.sagas.iter().map(|saga| saga.saga)).collect()
}

/// The service that owns a saga, as the first of its parts says.
pub(crate) fn owner(system: &System, saga: &str) -> &'static str {
    parts_of(system, saga).next().map_or("", |(_, part)| part.owner)
}

pub(crate) fn parts_of<'a>(
    system: &'a System,
    saga: &str,
) -> impl Iterator<Item = (&'static str, &'a SagaPart)> {
    let of_part = |part: &'a Part| part.sagas.iter().map(|saga| (part.service, saga));
    system.parts.iter().flat_map(of_part).filter(move |(_, part)| part.saga == saga)
}

pub(crate) fn nodes<'a>(system: &'a System, saga: &str) -> Vec<Node<'a>> {
    let of_saga = |(service, saga): (&'static str, &'a SagaPart)| {
        saga.steps.iter().map(move |step| Node { service, saga, step })
    };
    parts_of(system, saga).flat_map(of_saga).collect()
}

/// The steps of a saga in the order in which they can happen.
pub(crate) fn in_order<'a>(system: &'a System, saga: &str) -> Vec<Node<'a>> {
    let nodes = nodes(system, saga);
    let mut depths = vec![0_usize; nodes.len()];
    // The longest path has at most this many steps. A circle ends there, too.
    for _ in 0..nodes.len() {
        for at in 0..nodes.len() {
            let causes =
                (0..nodes.len()).filter(|c| nodes[at].step.on.contains(&nodes[*c].step.done));
            depths[at] = causes.map(|cause| depths[cause] + 1).max().unwrap_or(0);
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|at| depths[*at]);
    order.into_iter().map(|at| nodes[at]).collect()
}

pub(crate) fn begins(saga: &SagaPart) -> impl Iterator<Item = EventType> {
    let origins = saga.steps.iter().filter(|step| step.kind == StepKind::Origin);
    origins.flat_map(|step| step.on.iter().copied())
}

/// The steps that may have happened before the step `at`, over any number of edges.
#[must_use]
pub fn upstream(nodes: &[Node<'_>], at: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![at];
    while let Some(next) = open.pop() {
        for (cause, node) in nodes.iter().enumerate() {
            if nodes[next].step.on.contains(&node.step.done) && found.insert(cause) {
                open.push(cause);
            }
        }
    }
    found
}

/// The version under which sagas begin. Only the owner declares it. Without the owner's part, it
/// may be the latest version of the other services.
pub(crate) fn begin_version(system: &System, saga: &str) -> u32 {
    let mut parts = parts_of(system, saga);
    let owned = parts.find(|(service, part)| part.owner == *service);
    owned.map_or_else(|| latest(system, saga), |(_, part)| part.begins)
}

fn latest(system: &System, saga: &str) -> u32 {
    let steps = parts_of(system, saga).flat_map(|(_, part)| &part.steps);
    let told = steps.flat_map(|step| {
        let after = step.versions.last().map(|last| last.saturating_add(1));
        [step.versions.first()].into_iter().chain(after)
    });
    told.fold(FIRST, u32::max)
}

/// The versions at which the steps of a saga change, and the one under which sagas begin. Between two of them nothing
/// changes.
pub(crate) fn declared_versions(system: &System, saga: &str) -> BTreeSet<u32> {
    let begun = begin_version(system, saga);
    let steps = || parts_of(system, saga).flat_map(|(_, part)| &part.steps);
    let (first, last) = (
        || steps().map(|step| step.versions.first()),
        || steps().filter_map(|step| step.versions.last()),
    );
    let all = last().fold(begun, u32::min)..=first().fold(begun, u32::max);
    let before = first().map(|first| first.saturating_sub(1));
    let after = last().map(|last| last.saturating_add(1));
    let told = first().chain(before).chain(last()).chain(after).chain([begun]);
    told.filter(|version| all.contains(version)).collect()
}

/// The saga alone, with the steps that it has in this version.
pub(crate) fn only(system: &System, saga: &str, version: u32) -> System {
    let mut only = system.clone();
    for part in &mut only.parts {
        part.sagas.retain(|part| part.saga == saga);
        for saga in &mut part.sagas {
            saga.steps.retain(|step| step.versions.has(version));
        }
    }
    only
}
