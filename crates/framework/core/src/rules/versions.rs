//! The rules for the versions of a saga: each is sound by itself, and no event of one triggers a step of another.
//!
//! Messages carry no version, so no producer, old message or replica of the release before can lose
//! it. The events of a saga imply it.

use crate::events::event::EventType;
use crate::parts::node::{self, Node, declared_versions, nodes, only, sagas};
use crate::parts::part::{Part, StepKind, StepPart, System};
use crate::parts::versions::{FIRST, Versions};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

pub(super) fn check(part: &Part, problems: &mut Vec<Problem>) {
    let service = part.service;
    for saga in &part.sagas {
        for step in &saga.steps {
            let versions = step.versions;
            if versions.first() < FIRST || !versions.meets(Versions::ALL) {
                problems.push(Problem {
                    rule: &catalogue::STEP_VERSION,
                    service: service.to_owned(),
                    of: step.name.to_owned(),
                    detail: format!(
                        "{service}.{} is of none: versions are counted from {FIRST}, and `since` is not \
                         after `until`",
                        step.name
                    ),
                });
            }
        }
        if saga.begins < FIRST {
            problems.push(Problem {
                rule: &catalogue::STEP_VERSION,
                service: service.to_owned(),
                of: saga.saga.to_owned(),
                detail: format!(
                    "{service} begins {} under version 0: count from {FIRST}",
                    saga.saga
                ),
            });
        }
    }
}

pub(super) fn in_each(
    system: &System,
    check: fn(&System, &mut Vec<Problem>),
    problems: &mut Vec<Problem>,
) {
    for saga in sagas(system) {
        let versions = declared_versions(system, saga);
        for version in &versions {
            let mut found = Vec::new();
            check(&only(system, saga, *version), &mut found);
            if versions.len() > 1 {
                for problem in &mut found {
                    problem.detail = format!("in version {version}: {}", problem.detail);
                }
            }
            problems.extend(found);
        }
    }
}

pub(super) fn check_triggers(system: &System, problems: &mut Vec<Problem>) {
    for saga in sagas(system) {
        let nodes = nodes(system, saga);
        for version in declared_versions(system, saga) {
            let of_version = |node: &&Node<'_>| node.step.versions.has(version);
            let emitter = |event: &EventType| {
                nodes.iter().filter(of_version).find(|node| emits(node.step, *event))
            };
            // Outside of the saga, versions mean nothing.
            let is_of_saga =
                |event: &&EventType| nodes.iter().any(|node| emits(node.step, **event));
            for node in nodes.iter().filter(|node| node.step.kind != StepKind::Origin) {
                let (service, name) = (node.service, node.step.name);
                let runs = node.step.versions.has(version);
                for event in node.step.on.iter().filter(is_of_saga) {
                    match (runs, emitter(event)) {
                        (true, None) => problems.push(Problem {
                            rule: &catalogue::EMITTER,
                            service: service.to_owned(),
                            of: name.to_owned(),
                            detail: format!(
                                "in version {version}: {service}.{name} waits for {event}, which no step \
                                 of that version publishes"
                            ),
                        }),
                        (false, Some(by)) => problems.push(Problem {
                            rule: &catalogue::VERSION_TRIGGER,
                            service: service.to_owned(),
                            of: name.to_owned(),
                            detail: format!(
                                "{service}.{name} is of {}, and {}.{} publishes {event} in version \
                                 {version} of {saga} too, so that it would run there, and wait for nothing \
                                 that is new: let another step publish {}.{}.v{} in version {version}, and \
                                 keep this one in {}",
                                node.step.versions,
                                by.service,
                                by.step.name,
                                event.service(),
                                event.event(),
                                event.major() + 1,
                                node.step.versions,
                            ),
                        }),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// The rule for beginnings: if a saga has one, each version has one.
pub(super) fn check_beginnings(system: &System, problems: &mut Vec<Problem>) {
    for saga in sagas(system) {
        let nodes = nodes(system, saga);
        let origins: Vec<&StepPart> = nodes
            .iter()
            .map(|node| node.step)
            .filter(|step| step.kind == StepKind::Origin)
            .collect();
        if origins.is_empty() {
            continue;
        }
        for version in declared_versions(system, saga) {
            if !origins.iter().any(|step| step.versions.has(version)) {
                problems.push(Problem {
                    rule: &catalogue::VERSION_BEGINS,
                    service: node::owner(system, saga).to_owned(),
                    of: saga.to_owned(),
                    detail: format!(
                        "nothing begins version {version} of {saga}: declare what begins it with \
                         `since = {version}`, also while no saga begins under it yet"
                    ),
                });
            }
        }
    }
}

fn emits(step: &StepPart, event: EventType) -> bool {
    emitted(step).any(|emitted| emitted == event)
}

fn emitted(step: &StepPart) -> impl Iterator<Item = EventType> {
    [Some(step.done), step.refused, step.compensated].into_iter().flatten()
}
