//! The choreography graph: who triggers whom, read from the declarations of all parts.

use std::collections::BTreeSet;

use crate::events::event::EventType;
use crate::parts::node;
use crate::parts::part::{SagaPart, System};
use crate::rules;
use crate::rules::problem::Problem;

pub use crate::parts::node::{Node, upstream};

/// The services and steps of a system, and which triggers which.
#[derive(Debug, Clone)]
pub struct Graph {
    system: System,
}

impl Graph {
    /// The graph of a system.
    #[must_use]
    pub fn new(system: System) -> Self {
        Self { system }
    }

    /// The system that the graph was read from.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    /// The names of all sagas.
    #[must_use]
    pub fn sagas(&self) -> BTreeSet<&'static str> {
        node::sagas(&self.system)
    }

    /// The steps of one saga, over all services.
    #[must_use]
    pub fn nodes(&self, saga: &str) -> Vec<Node<'_>> {
        node::nodes(&self.system, saga)
    }

    /// The steps of one saga, in the order in which they can happen.
    #[must_use]
    pub fn in_order(&self, saga: &str) -> Vec<Node<'_>> {
        node::in_order(&self.system, saga)
    }

    /// The sagas that an event begins. There may be several: they share their id, and nothing else.
    #[must_use]
    pub fn begun_by(&self, event: EventType) -> BTreeSet<&'static str> {
        let begun = |saga: &&SagaPart| node::begins(saga).any(|begins| begins == event);
        let sagas = self.system.parts.iter().flat_map(|part| &part.sagas);
        sagas.filter(begun).map(|saga| saga.saga).collect()
    }

    /// The version under which the owner of a saga begins new ones. Without the owner's part it may be the latest one.
    #[must_use]
    pub fn begun_version(&self, saga: &str) -> u32 {
        node::begin_version(&self.system, saga)
    }

    /// The versions of a saga that its steps tell apart.
    #[must_use]
    pub fn versions(&self, saga: &str) -> BTreeSet<u32> {
        node::declared_versions(&self.system, saga)
    }

    /// One saga alone, with the steps that it has in this version.
    #[must_use]
    pub fn in_version(&self, saga: &str, version: u32) -> Self {
        Self::new(node::only(&self.system, saga, version))
    }

    /// The services that consume an event.
    #[must_use]
    pub fn consumers(&self, event: EventType) -> Vec<&'static str> {
        self.system
            .parts
            .iter()
            .filter(|part| part.consumes().contains(&event))
            .map(|part| part.service)
            .collect()
    }

    /// Every broken rule. Empty for a sound choreography.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        rules::of_system(&self.system)
    }
}
