//! Which services publish and consume an event, and for what.

use ballet_core::{CopyPart, EventType, Graph, Part, System};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EventConsumer {
    pub(crate) service: &'static str,
    pub(crate) purpose: ConsumerPurpose,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ConsumerPurpose {
    Step(&'static str),
    /// The owner aborts the saga.
    Aborts(&'static str),
    /// The owner's deadline has passed.
    Deadline(&'static str),
    /// A participant compensates its part.
    Compensates(&'static str),
    Projection(&'static str),
    Copy(&'static str),
    /// A reader asks the owner for all of its entities.
    Share(&'static str),
}

impl ConsumerPurpose {
    /// The end of "consumed by orders ...", in Markdown, for one service or several.
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

pub(crate) fn publishers(system: &System, event: EventType) -> Vec<&'static str> {
    let emits = |part: &&Part| part.emits().contains(&event);
    let services = system.parts.iter().filter(emits).map(|part| part.service);
    services.chain(event.foreign_producers().iter().copied()).collect()
}

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
