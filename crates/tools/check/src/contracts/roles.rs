//! Which services publish and consume an event, and for what.

use ballet_core::{CopyPart, EventType, Graph, Part, System};

pub(crate) fn publishers(system: &System, event: EventType) -> Vec<&'static str> {
    let emits = |part: &&Part| part.emits().contains(&event);
    let services = system.parts.iter().filter(emits).map(|part| part.service);
    services.chain(event.foreign_producers().iter().copied()).collect()
}

/// Returns the consuming services, each with its purpose in words.
pub(crate) fn consumers(graph: &Graph, event: EventType) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for part in &graph.system().parts {
        let mut add = |purpose: String| found.push((part.service, purpose));
        for saga in &part.sagas {
            let name = saga.saga;
            let triggered = saga.steps.iter().filter(|step| step.on.contains(&event));
            triggered.for_each(|step| add(format!("in step {}", step.name)));
            if saga.aborts_on.contains(&event) {
                add(format!("to abort the saga {name}"));
            }
            if saga.deadline.is_some_and(|deadline| deadline.passed == event) {
                add(format!("to abort the saga {name} if it is undecided"));
            }
            if saga.abort == Some(event) && saga.owner != part.service {
                add(format!("to compensate {name}"));
            }
        }
        let projections = part.subscriptions.iter().filter(|projection| projection.on == event);
        projections.for_each(|projection| add(format!("for {}", projection.name)));
        let feeds = |copy: &&CopyPart| copy.republished == event || copy.fed_by.contains(&event);
        let copies = part.copies.iter().filter(feeds);
        copies.for_each(|copy| add(format!("for a copy of {}", copy.entity)));
        let asked = part.shares.iter().filter(|share| share.requests.contains(&event));
        asked.for_each(|share| add(format!("to publish every {} anew", share.entity)));
    }
    found
}
