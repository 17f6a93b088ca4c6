//! Events that nobody publishes any more, that have another role, or that a producer may not publish.

use ballet_core::{EventType, Role};

use crate::contracts::Contracts;
use crate::contracts::bodies::BodyType;
use crate::diff::change::{ChangeRule, ContractChange};
use crate::diff::promise::Promises;

pub(super) fn changes(old: &Contracts, new: &Contracts, alone: bool) -> Vec<ContractChange> {
    let (old, new) = (Promises::of(old), Promises::of(new));
    let mut found = Vec::new();
    for event in old.events() {
        not_published(&old, &new, event, alone, &mut found);
        role(&old, &new, event, alone, &mut found);
        producers(&old, &new, event, &mut found);
    }
    found
}

/// An event is gone while a service waits for it.
fn not_published(
    old: &Promises,
    new: &Promises,
    event: EventType,
    alone: bool,
    found: &mut Vec<ContractChange>,
) {
    let from_outside = |all: &Promises| {
        all.declared(event).is_some_and(|event| !event.foreign_producers().is_empty())
    };
    let is_published = |all: &Promises| all.is_published(BodyType::Event(event));
    if !is_published(old) || is_published(new) || from_outside(new) {
        return;
    }
    let waits = new.services().filter(|promise| promise.part.consumes().contains(&event));
    let mut breaks: Vec<String> = waits.map(|one| one.part.service.to_owned()).collect();
    if alone && breaks.is_empty() {
        breaks.push("anybody".to_owned());
    }
    if !breaks.is_empty() {
        found.push(ContractChange {
            subject: event.name().to_owned(),
            field: String::new(),
            rule: ChangeRule::NotPublished,
            service: event.service().to_owned(),
            what: "nobody publishes it any more".to_owned(),
            advice: format!(
                "publish it until no contract names it: {} waits for it",
                breaks.join(" and ")
            ),
            breaks,
        });
    }
}

/// Publishers and readers of different releases disagree about the event's role.
fn role(
    old: &Promises,
    new: &Promises,
    event: EventType,
    alone: bool,
    found: &mut Vec<ContractChange>,
) {
    let (Some(before), Some(after)) = (old.declared(event), new.declared(event)) else { return };
    // Each service has its own declaration. One that changed alone contradicts the others.
    let changed = |name: &&'static str| {
        let in_version = |all: &Promises| Some(all.service(name)?.event(event)?.role());
        matches!((in_version(old), in_version(new)), (Some(was), Some(is)) if was != is)
    };
    let names = new.names();
    let Some(service) = names.iter().find(|name| changed(name)) else { return };
    let others = [old, new].into_iter().flat_map(Promises::services);
    let others = others.filter(|one| one.part.service != *service && one.event(event).is_some());
    let mut breaks: Vec<String> = others.map(|one| one.part.service.to_owned()).collect();
    // The saga's id was optional, and no longer is.
    if before.role() != Role::InSaga && after.role() == Role::InSaga {
        breaks.extend(before.foreign_producers().iter().map(|&producer| producer.to_owned()));
    }
    if alone && breaks.is_empty() {
        breaks.push("anybody".to_owned());
    }
    breaks.sort();
    breaks.dedup();
    if !breaks.is_empty() {
        let is = new.service(service).and_then(|one| one.event(event)).unwrap_or(after);
        let was = old.service(service).and_then(|one| one.event(event)).unwrap_or(before);
        found.push(ContractChange {
            subject: event.name().to_owned(),
            field: String::new(),
            rule: ChangeRule::Role,
            service: (*service).to_owned(),
            breaks,
            what: format!("it was {}, and is {}", role_name(was.role()), role_name(is.role())),
            advice: "give the event with the other role the next major version".to_owned(),
        });
    }
}

/// The broker refuses the events of a producer.
fn producers(old: &Promises, new: &Promises, event: EventType, found: &mut Vec<ContractChange>) {
    let Some(before) = old.declared(event) else { return };
    let after = new.declared(event).map_or(&[][..], |event| event.foreign_producers());
    for producer in before.foreign_producers().iter().filter(|one| !after.contains(*one)) {
        found.push(ContractChange {
            subject: event.name().to_owned(),
            field: String::new(),
            rule: ChangeRule::ProducerRemoved,
            service: event.service().to_owned(),
            breaks: vec![(*producer).to_owned()],
            what: format!("{producer} may not publish it any more"),
            advice: format!("keep {producer} in also_from until it has stopped"),
        });
    }
}

/// Returns the role as contracts spell it.
pub(super) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Plain => "plain",
        Role::StartsSaga => "starts_saga",
        Role::InSaga => "in_saga",
    }
}
