//! Events without a publisher, in another role, or taken from a producer.

use std::collections::BTreeSet;

use ballet_core::{EventType, Role};

use crate::contracts::bodies::BodyType;
use crate::diff::change::ContractChange;
use crate::diff::promise::Promises;

pub(super) fn changes(old: &Promises, new: &Promises) -> Vec<ContractChange> {
    let mut found = Vec::new();
    for event in old.events() {
        let declared = new.declared(event);
        if declared.is_none_or(|event| event.foreign_producers().is_empty()) {
            found.extend(not_published(old, new, BodyType::Event(event)));
        }
        found.extend(role(old, new, event));
        producers(old, new, event, &mut found);
    }
    found
}

/// An event, or telemetry, is gone while a service reads it.
pub(super) fn not_published(
    old: &Promises,
    new: &Promises,
    what: BodyType<'_>,
) -> Option<ContractChange> {
    let breaks = named(new.read_by(what));
    if !old.is_published(what) || new.is_published(what) || breaks.is_empty() {
        return None;
    }
    let waits = match what {
        BodyType::Event(_) => "waits for it",
        BodyType::Telemetry(_) => "reads it",
    };
    let advice = format!("publish it until no contract names it: {} {waits}", breaks.join(" and "));
    let (name, gone) = (what.name(), "nobody publishes it any more");
    let service = name.split('.').next().unwrap_or_default();
    let change = ContractChange::new(name, "not_published", service, gone);
    Some(change.breaking(breaks, advice))
}

/// Publishers and readers of different releases disagree about the role.
fn role(old: &Promises, new: &Promises, event: EventType) -> Option<ContractChange> {
    let (before, after) = (old.declared(event)?, new.declared(event)?);
    // Each service has its own declaration. One that changed alone contradicts the others.
    let changed = |name: &&'static str| {
        let in_version = |all: &Promises| Some(all.service(name)?.event(event)?.role());
        matches!((in_version(old), in_version(new)), (Some(was), Some(is)) if was != is)
    };
    let names = new.names();
    let service = names.iter().find(|name| changed(name))?;
    let others = [old, new].into_iter().flat_map(Promises::services);
    let others = others.filter(|one| one.part.service != *service && one.event(event).is_some());
    let mut breaks: BTreeSet<&str> = others.map(|one| one.part.service).collect();
    // The saga's optional id became required.
    if before.role() != Role::InSaga && after.role() == Role::InSaga {
        breaks.extend(before.foreign_producers());
    }
    let breaks = named(breaks);
    if breaks.is_empty() {
        return None;
    }
    let is = new.service(service).and_then(|one| one.event(event)).unwrap_or(after);
    let was = old.service(service).and_then(|one| one.event(event)).unwrap_or(before);
    let what = format!("it was {}, and is {}", role_name(was.role()), role_name(is.role()));
    let change = ContractChange::new(event.name(), "role", *service, what);
    Some(change.breaking(breaks, "give the event with the other role the next major version"))
}

/// The broker refuses the events of a producer.
fn producers(old: &Promises, new: &Promises, event: EventType, found: &mut Vec<ContractChange>) {
    let Some(before) = old.declared(event) else { return };
    let after = new.declared(event).map_or(&[][..], |event| event.foreign_producers());
    for producer in before.foreign_producers().iter().filter(|one| !after.contains(*one)) {
        let what = format!("{producer} may not publish it any more");
        let advice = format!("keep {producer} in also_from until it has stopped");
        let (name, service) = (event.name(), event.service());
        let change = ContractChange::new(name, "producer_removed", service, what);
        found.push(change.breaking(vec![(*producer).to_owned()], advice));
    }
}

const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Plain => "plain",
        Role::StartsSaga => "starts_saga",
        Role::InSaga => "in_saga",
    }
}

pub(super) fn named(services: BTreeSet<&str>) -> Vec<String> {
    services.into_iter().map(str::to_owned).collect()
}
