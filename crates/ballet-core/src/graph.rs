//! The choreography graph: who triggers whom, read from the declarations of all parts, and the
//! rules that keep a saga from ending half done.

use std::collections::{BTreeMap, BTreeSet};

use crate::copy_rules;
use crate::envelope::limits::Limits;
use crate::event::{EventType, Role};
use crate::part::{Part, SagaPart, StepKind, StepPart, System};
use crate::problem::Problem;

/// Who triggers whom in a system.
#[derive(Debug, Clone)]
pub struct Graph {
    system: System,
}

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
        self.system.parts.iter().flat_map(|part| part.sagas.iter().map(|saga| saga.saga)).collect()
    }

    /// The steps of one saga, over all services.
    #[must_use]
    pub fn nodes(&self, saga: &str) -> Vec<Node<'_>> {
        let of_part = |part: &'_ Part| part.service;
        self.system
            .parts
            .iter()
            .flat_map(|part| part.sagas.iter().map(move |saga| (of_part(part), saga)))
            .filter(|(_, part)| part.saga == saga)
            .flat_map(|(service, saga)| {
                saga.steps.iter().map(move |step| Node { service, saga, step })
            })
            .collect()
    }

    /// The sagas that an event begins. There may be several: they share their id, and nothing else.
    #[must_use]
    pub fn begun_by(&self, event: EventType) -> BTreeSet<&'static str> {
        let begun = |saga: &&SagaPart| begins(saga).any(|begins| begins == event);
        let sagas = self.system.parts.iter().flat_map(|part| &part.sagas);
        sagas.filter(begun).map(|saga| saga.saga).collect()
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
        let mut problems = Vec::new();
        self.check_events(&mut problems);
        problems.extend(copy_rules::problems(&self.system));
        for saga in self.sagas() {
            self.check_own_events(saga, &mut problems);
            self.check_owner(saga, &mut problems);
            self.check_path(saga, &mut problems);
        }
        problems
    }

    fn check_events(&self, problems: &mut Vec<Problem>) {
        let mut emitters: BTreeMap<EventType, BTreeSet<&str>> = BTreeMap::new();
        for part in &self.system.parts {
            for event in part.emits() {
                emitters.entry(event).or_default().insert(part.service);
                if event.service() != part.service {
                    problems.push(Problem {
                        rule: "an event belongs to the service that it is named after",
                        detail: format!("{} emits {event}", part.service),
                    });
                }
            }
        }
        for part in &self.system.parts {
            for event in part.consumes() {
                if !emitters.contains_key(&event) && event.foreign_producers().is_empty() {
                    problems.push(Problem {
                        rule: "every trigger has an emitter",
                        detail: format!("{} waits for {event}, which nobody emits", part.service),
                    });
                }
            }
            let deadlines = part.sagas.iter().filter_map(|saga| Some((saga, saga.deadline?)));
            for (saga, deadline) in deadlines {
                if deadline.passed.role() != Role::InSaga {
                    problems.push(Problem {
                        rule: "the events of a saga carry its id",
                        detail: format!(
                            "{} is the deadline of {}: declare it with EventType::in_saga",
                            deadline.passed, saga.saga
                        ),
                    });
                }
            }
            // Across all sagas of a service: calls and logs name a step without its saga.
            let mut names = BTreeSet::new();
            for saga in &part.sagas {
                for step in &saga.steps {
                    if !names.insert(step.name) {
                        problems.push(Problem {
                            rule: "a step's name is unique in its service",
                            detail: format!("{} has two steps named {:?}", part.service, step.name),
                        });
                    }
                    let events = step.on.iter().copied().chain([step.done]);
                    for event in events.chain(step.refused).chain(step.compensated) {
                        if event.role() == Role::Plain {
                            problems.push(Problem {
                                rule: "the events of a saga carry its id",
                                detail: format!(
                                    "{event} is declared as plain, but {} uses it in step {:?} of \
                                     {}: declare it with EventType::in_saga",
                                    part.service, step.name, saga.saga
                                ),
                            });
                        }
                    }
                }
            }
        }
    }

    /// Messages carry no saga's name: the event says of which saga it is. So an event of one saga
    /// means nothing to another, unless the other begins with it.
    fn check_own_events(&self, saga: &str, problems: &mut Vec<Problem>) {
        let all = || self.system.parts.iter().flat_map(|p| p.sagas.iter().map(|s| (p.service, s)));
        let of = |saga: &str| {
            let parts = all().filter(move |(_, part)| part.saga == saga);
            parts.flat_map(|(service, part)| own_events(service, part)).collect::<BTreeSet<_>>()
        };
        let begins: BTreeSet<EventType> = all()
            .filter(|(_, part)| part.saga == saga)
            .flat_map(|(_, part)| begins(part))
            .collect();
        let used: BTreeSet<(&str, EventType)> = all()
            .filter(|(_, part)| part.saga == saga)
            .flat_map(|(service, part)| uses(part).map(move |event| (service, event)))
            .filter(|(_, event)| !begins.contains(event))
            .collect();
        for other in self.sagas().into_iter().filter(|other| *other != saga) {
            let theirs = of(other);
            for (service, event) in used.iter().filter(|(_, event)| theirs.contains(event)) {
                problems.push(Problem {
                    rule: "sagas share no event but the one that begins them",
                    detail: format!("{service} uses {event} in {saga}, and it is of {other}"),
                });
            }
        }
    }

    fn check_owner(&self, saga: &str, problems: &mut Vec<Problem>) {
        let parts: Vec<(&str, &SagaPart)> = self
            .system
            .parts
            .iter()
            .flat_map(|part| part.sagas.iter().map(move |saga| (part.service, saga)))
            .filter(|(_, part)| part.saga == saga)
            .collect();
        let Some((owner, owned)) = parts.iter().find(|(service, part)| part.owner == *service)
        else {
            problems.push(Problem {
                rule: "a saga has an owner",
                detail: format!("no service of the system owns {saga}"),
            });
            return;
        };
        check_deadline(saga, owned, problems);
        for node in self.nodes(saga) {
            let refused = node.step.refused.filter(|event| Some(*event) != owned.abort);
            if let Some(refused) = refused
                && !owned.aborts_on.contains(&refused)
                && !self.nodes(saga).iter().any(|next| {
                    next.step.on.contains(&refused) || next.step.compensated_by.contains(&refused)
                })
            {
                problems.push(Problem {
                    rule: "every refusal has somebody who acts on it",
                    detail: format!(
                        "{}.{} may refuse with {refused}, and {owner} does not abort on it",
                        node.service, node.step.name
                    ),
                });
            }
            if node.step.kind == StepKind::Pivot
                && !self.nodes(saga).iter().any(|next| {
                    next.step.kind == StepKind::Decision && next.step.on.contains(&node.step.done)
                })
            {
                problems.push(Problem {
                    rule: "the owner records the pivot's outcome",
                    detail: format!("{owner} has no decision on {}", node.step.done),
                });
            }
        }
    }

    fn check_path(&self, saga: &str, problems: &mut Vec<Problem>) {
        let nodes = self.nodes(saga);
        let pivots: Vec<usize> =
            (0..nodes.len()).filter(|at| nodes[*at].step.kind == StepKind::Pivot).collect();
        if pivots.len() > 1 {
            let names: Vec<&str> = pivots.iter().map(|at| nodes[*at].step.name).collect();
            problems.push(Problem {
                rule: "a saga has at most one pivot",
                detail: format!("{saga} has {}", names.join(", ")),
            });
        }
        let before: Vec<BTreeSet<usize>> =
            (0..nodes.len()).map(|at| upstream(&nodes, at)).collect();
        for (at, node) in nodes.iter().enumerate() {
            if before[at].contains(&at) {
                problems.push(Problem {
                    rule: "no step waits for itself",
                    detail: format!("{}.{} is its own cause", node.service, node.step.name),
                });
            }
            if node.step.refused.is_none() || node.step.kind == StepKind::Origin {
                continue;
            }
            if let [pivot] = pivots[..]
                && at != pivot
                && !before[pivot].contains(&at)
            {
                problems.push(Problem {
                    rule: "nothing refusable beside or after the pivot",
                    detail: format!(
                        "{}.{} may refuse, but does not come before {}",
                        node.service, node.step.name, nodes[pivot].step.name
                    ),
                });
            }
            for earlier in before[at].iter().map(|earlier| &nodes[*earlier]) {
                if earlier.step.kind == StepKind::Retriable {
                    problems.push(Problem {
                        rule: "what comes before a refusal can be undone",
                        detail: format!(
                            "{}.{} may refuse after {}.{}, which has no compensation",
                            node.service, node.step.name, earlier.service, earlier.step.name
                        ),
                    });
                }
            }
        }
    }
}

fn check_deadline(saga: &str, owned: &SagaPart, problems: &mut Vec<Problem>) {
    let Some(deadline) = owned.deadline else { return };
    if !owned.steps.iter().any(|step| step.kind == StepKind::Decision) {
        problems.push(Problem {
            rule: "a deadline has a decision that ends it",
            detail: format!("{saga} has none, so every run of it would be aborted at its deadline"),
        });
    }
    let limits = Limits::default();
    let longest = limits.saga_window - limits.saga_room - limits.inbox_window;
    if deadline.after.is_negative() || deadline.after > longest {
        problems.push(Problem {
            rule: "a deadline ends before its saga is forgotten",
            detail: format!(
                "that of {saga} is {:#} after the start, and at most {longest:#} leave room for the \
                 rest of the saga: it is remembered for {:#}",
                deadline.after, limits.saga_window
            ),
        });
    }
}

/// The events that begin a saga.
fn begins(saga: &SagaPart) -> impl Iterator<Item = EventType> {
    let origins = saga.steps.iter().filter(|step| step.kind == StepKind::Origin);
    origins.flat_map(|step| step.on.iter().copied())
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
    let others = saga.aborts_on.iter().copied().chain(saga.abort);
    saga.steps.iter().flat_map(of_step).chain(others)
}

/// The steps that must have happened before the step `at`, over any number of edges.
fn upstream(nodes: &[Node<'_>], at: usize) -> BTreeSet<usize> {
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

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
