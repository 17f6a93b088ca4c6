//! The rules for events: whose they are, which saga they belong to, and who waits for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::events::event::{EventType, Role};
use crate::parts::node::{begins, parts_of, sagas};
use crate::parts::part::{Part, SagaPart, StepPart, System};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

pub(super) fn check(part: &Part, problems: &mut Vec<Problem>) {
    let service = part.service;
    for event in part.emits().into_iter().filter(|event| event.service() != service) {
        problems.push(Problem {
            rule: &catalogue::EVENT_OWNER,
            service: service.to_owned(),
            of: event.name().to_owned(),
            detail: format!(
                "{service} publishes {event}, and the broker would refuse it: call it \
                 {service}.{}.v{}, or let {} publish it",
                event.event(),
                event.major(),
                event.service()
            ),
        });
    }
    let mut told = BTreeSet::new();
    for saga in &part.sagas {
        for (event, place) in events_of(saga) {
            if event.role() == Role::Plain && told.insert((saga.saga, event)) {
                problems.push(Problem {
                    rule: &catalogue::SAGA_ROLE,
                    service: service.to_owned(),
                    of: event.name().to_owned(),
                    detail: format!(
                        "{event} is declared as plain, and {service} uses it in {}, {place}: declare \
                         it with `in_saga`",
                        saga.saga
                    ),
                });
            }
        }
        for step in &saga.steps {
            check_step(service, step, problems);
            if let Some(abort) = saga.abort.filter(|abort| step.on.contains(abort)) {
                problems.push(Problem {
                    rule: &catalogue::ABORT_TRIGGER,
                    service: service.to_owned(),
                    of: step.name.to_owned(),
                    detail: format!(
                        "{service}.{} waits for {abort}, after which no step of {} runs: declare a projection \
                         of it, or the compensation of a step",
                        step.name, saga.saga
                    ),
                });
            }
        }
    }
}

fn check_step(service: &str, step: &StepPart, problems: &mut Vec<Problem>) {
    let name = step.name;
    let mut triggers = BTreeSet::new();
    if let Some(twice) = step.on.iter().find(|event| !triggers.insert(**event)) {
        problems.push(Problem {
            rule: &catalogue::JOIN_TWICE,
            service: service.to_owned(),
            of: name.to_owned(),
            detail: format!(
                "{service}.{name} waits for {twice} twice, and would wait for ever: name it once"
            ),
        });
    }
    if !step.compensated_by.is_empty() && step.on.len() > 1 {
        problems.push(Problem {
            rule: &catalogue::REPEATING_JOIN,
            service: service.to_owned(),
            of: name.to_owned(),
            detail: format!(
                "{service}.{name} waits for {} events, and repeats: a join has no key, so it would run once and none \
                 of its repetitions could be undone alone; declare it with `#[compensatable]`, or let one event trigger it",
                step.on.len()
            ),
        });
    }
    if step.refused == Some(step.done) {
        problems.push(Problem {
            rule: &catalogue::SAME_OUTCOMES,
            service: service.to_owned(),
            of: name.to_owned(),
            detail: format!(
                "{service}.{name} says with {} that it is done, and that it refuses: give the \
                 refusal an event of its own",
                step.done
            ),
        });
    }
}

/// The events that a service uses in a saga, each with its place.
fn events_of(saga: &SagaPart) -> Vec<(EventType, String)> {
    let mut all = Vec::new();
    for step in &saga.steps {
        let of_step = step.on.iter().chain([&step.done]).chain(&step.refused);
        let of_step = of_step.chain(&step.compensated).chain(&step.compensated_by);
        all.extend(of_step.map(|event| (*event, format!("step {:?}", step.name))));
    }
    all.extend(saga.abort.map(|event| (event, "as its abort".to_owned())));
    all.extend(saga.aborts_on.iter().map(|event| (*event, "to abort on it".to_owned())));
    let deadline = saga.deadline.map(|deadline| deadline.passed);
    all.extend(deadline.map(|event| (event, "as its deadline".to_owned())));
    all
}

/// The rule for triggers: somebody publishes them.
pub(super) fn check_emitters(system: &System, problems: &mut Vec<Problem>) {
    let emitted: BTreeSet<EventType> = system.parts.iter().flat_map(Part::emits).collect();
    for part in &system.parts {
        let nobodys =
            |event: &EventType| !emitted.contains(event) && event.foreign_producers().is_empty();
        for event in part.consumes().into_iter().filter(nobodys) {
            let detail = format!(
                "{} waits for {event}, which nobody emits: correct its name, declare it in {}, or name its \
                 producer with `also_from`",
                part.service,
                event.service()
            );
            problems.push(Problem {
                rule: &catalogue::EMITTER,
                service: part.service.to_owned(),
                of: event.name().to_owned(),
                detail,
            });
        }
    }
}

/// The rule for contracts that were written apart: an event has one role and the same producers
/// wherever it is named.
pub(super) fn check_agreement(system: &System, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<EventType, &str> = BTreeMap::new();
    let named = |part: &'_ Part| {
        let events = [part.emits(), part.consumes()].concat();
        events.into_iter().map(|event| (part.service, event)).collect::<Vec<_>>()
    };
    let mut all: Vec<(&str, EventType)> = system.parts.iter().flat_map(named).collect();
    // The service that an event is named after knows it best.
    all.sort_by_key(|(service, event)| event.service() != *service);
    for (service, event) in all {
        let Some((known, by)) = first.get_key_value(&event) else {
            first.insert(event, service);
            continue;
        };
        if *by != service && words(*known) != words(event) {
            problems.push(Problem {
                rule: &catalogue::EVENT_AGREEMENT,
                service: (*service).to_owned(),
                of: event.name().to_owned(),
                detail: format!(
                    "{by} declares {event} as {}, and {service} as {}: write the same in both",
                    words(*known),
                    words(event)
                ),
            });
        }
    }
}

fn words(event: EventType) -> String {
    let role = match event.role() {
        Role::Plain => "plain",
        Role::StartsSaga => "starts_saga",
        Role::InSaga => "in_saga",
    };
    match event.foreign_producers() {
        [] => role.to_owned(),
        producers => format!("{role}, also from {}", producers.join(" and ")),
    }
}

/// Messages carry no saga's name, so an event of one saga means nothing to another, unless the
/// other begins with it.
pub(super) fn check_sharing(system: &System, problems: &mut Vec<Problem>) {
    for saga in sagas(system) {
        let begins: BTreeSet<EventType> =
            parts_of(system, saga).flat_map(|(_, part)| begins(part)).collect();
        let used: BTreeSet<(&str, EventType)> = parts_of(system, saga)
            .flat_map(|(service, part)| uses(part).map(move |event| (service, event)))
            .filter(|(_, event)| !begins.contains(event))
            .collect();
        for other in sagas(system).into_iter().filter(|other| *other != saga) {
            let theirs: BTreeSet<EventType> = parts_of(system, other)
                .flat_map(|(service, part)| own_events(service, part))
                .collect();
            for (service, event) in used.iter().filter(|(_, event)| theirs.contains(event)) {
                problems.push(Problem {
                    rule: &catalogue::SHARED_EVENT,
                    service: (*service).to_owned(),
                    of: event.name().to_owned(),
                    detail: format!(
                        "{service} uses {event} in {saga}, and it is of {other}: let {saga} begin \
                         with it, or give {saga} an event of its own"
                    ),
                });
            }
        }
    }
}

/// The events that a service publishes in a saga, and those that begin it.
fn own_events(service: &str, saga: &SagaPart) -> Vec<EventType> {
    let emits = |step: &StepPart| [Some(step.done), step.refused, step.compensated];
    let emitted = saga.steps.iter().flat_map(emits);
    let owned = [saga.abort, saga.deadline.map(|deadline| deadline.passed)];
    let owned = owned.into_iter().filter(|_| saga.owner == service);
    emitted.chain(owned).flatten().chain(begins(saga)).collect()
}

/// The events on which a service acts in a saga.
fn uses(saga: &SagaPart) -> impl Iterator<Item = EventType> {
    let of_step = |step: &'_ StepPart| [&step.on[..], &step.compensated_by[..]].concat();
    let deadline = saga.deadline.map(|deadline| deadline.passed);
    let others = saga.aborts_on.iter().copied().chain(saga.abort).chain(deadline);
    saga.steps.iter().flat_map(of_step).chain(others)
}
