//! The services that publish and consume an event, with their purposes.

use ballet_core::{CopyPart, EventType, Graph, Part, System};

/// A service that consumes an event, and its purpose.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EventConsumer {
    pub(crate) service: &'static str,
    pub(crate) purpose: ConsumerPurpose,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ConsumerPurpose {
    /// The event triggers a step.
    Step(&'static str),
    /// The owner aborts the saga.
    Aborts(&'static str),
    /// The owner's deadline for the saga has passed.
    Deadline(&'static str),
    /// A participant compensates its part of the saga.
    Compensates(&'static str),
    /// A projection outside of sagas.
    Projection(&'static str),
    /// The event feeds the copy of an entity.
    Copy(&'static str),
    /// A reader asks the owner for all entities of this name.
    Share(&'static str),
}

impl ConsumerPurpose {
    /// Returns the purpose as the end of "consumed by orders ...", in Markdown, fit for one service and for several.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Step(step) => format!("in step `{step}`"),
            Self::Aborts(saga) => format!("to abort the saga `{saga}`"),
            Self::Deadline(saga) => format!("to abort the saga `{saga}` if it is undecided"),
            Self::Compensates(saga) => format!("to compensate `{saga}`"),
            Self::Projection(name) => format!("for `{name}`"),
            Self::Copy(entity) => format!("for a copy of `{entity}`"),
            Self::Share(entity) => format!("to publish every `{entity}` anew"),
        }
    }
}

/// Returns the services that publish an event.
pub(crate) fn publishers(system: &System, event: EventType) -> Vec<&'static str> {
    let emits = |part: &&Part| part.emits().contains(&event);
    let services = system.parts.iter().filter(emits).map(|part| part.service);
    services.chain(event.foreign_producers().iter().copied()).collect()
}

/// Returns the services that consume an event.
pub(crate) fn consumers(graph: &Graph, event: EventType) -> Vec<EventConsumer> {
    let mut found = Vec::new();
    for part in &graph.system().parts {
        let service = part.service;
        let mut add = |purpose| found.push(EventConsumer { service, purpose });
        for saga in &part.sagas {
            let triggered = saga.steps.iter().filter(|step| step.on.contains(&event));
            triggered.for_each(|step| add(ConsumerPurpose::Step(step.name)));
            if saga.aborts_on.contains(&event) {
                add(ConsumerPurpose::Aborts(saga.saga));
            }
            if saga.deadline.is_some_and(|deadline| deadline.passed == event) {
                add(ConsumerPurpose::Deadline(saga.saga));
            }
            if saga.abort == Some(event) && saga.owner != service {
                add(ConsumerPurpose::Compensates(saga.saga));
            }
        }
        let projections = part.subscriptions.iter().filter(|projection| projection.on == event);
        projections.for_each(|projection| add(ConsumerPurpose::Projection(projection.name)));
        let feeds = |copy: &&CopyPart| copy.republished == event || copy.fed_by.contains(&event);
        part.copies.iter().filter(feeds).for_each(|copy| add(ConsumerPurpose::Copy(copy.entity)));
        let asked = part.shares.iter().filter(|share| share.requests.contains(&event));
        asked.for_each(|share| add(ConsumerPurpose::Share(share.entity)));
    }
    found
}
