//! The rules for a saga's owner: there is one, it alone decides, and it acts on what the others say.

use std::collections::BTreeSet;

use crate::envelope::limits::Limits;
use crate::parts::node::{self, nodes, parts_of, sagas};
use crate::parts::part::{Part, SagaPart, StepKind, StepPart, System};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

pub(super) fn check(part: &Part, problems: &mut Vec<Problem>) {
    let mut names = BTreeSet::new();
    for saga in &part.sagas {
        if !names.insert(saga.saga) {
            problems.push(Problem {
                rule: &catalogue::PART_ONCE,
                service: part.service.to_owned(),
                of: saga.saga.to_owned(),
                detail: format!(
                    "{} declares {} twice, and an abort would undo the steps of each apart, not the \
                     latest first: put all steps into one declaration",
                    part.service, saga.saga
                ),
            });
        }
        if saga.owner == part.service {
            check_deadline(saga, problems);
            check_abort(saga, problems);
            check_published(part, saga, problems);
        } else if decides(saga) {
            problems.push(Problem {
                rule: &catalogue::OWNER_ALONE,
                service: part.service.to_owned(),
                of: saga.saga.to_owned(),
                detail: format!(
                    "{} does for {}, which {} owns: take its `#[starts]`, `#[decides]`, `aborts_on` and `deadline` out, \
                     or write `owner = \"{}\"` in the `#[saga]`",
                    part.service, saga.saga, saga.owner, part.service
                ),
            });
        }
    }
}

fn decides(saga: &SagaPart) -> bool {
    let owners = |kind| matches!(kind, StepKind::Origin | StepKind::Decision);
    saga.steps.iter().any(|step| owners(step.kind))
        || !saga.aborts_on.is_empty()
        || saga.deadline.is_some()
}

fn check_abort(owned: &SagaPart, problems: &mut Vec<Problem>) {
    let saga = owned.saga;
    let Some(abort) = owned.abort else {
        if owned.deadline.is_some() || !owned.aborts_on.is_empty() {
            problems.push(Problem {
                rule: &catalogue::ABORT_DECLARED,
                service: owned.owner.to_owned(),
                of: saga.to_owned(),
                detail: format!(
                    "{} aborts {saga} on a refusal or at its deadline, and the saga has no abort event, on which \
                     others undo their part: declare one",
                    owned.owner
                ),
            });
        }
        return;
    };
    // A refusal of the owner itself is its abort. Any other outcome would only be published.
    let is_abort = |step: &&StepPart| step.done == abort || step.compensated == Some(abort);
    for StepPart { name, kind, .. } in owned.steps.iter().filter(is_abort) {
        problems.push(match kind {
            StepKind::Decision => Problem {
                rule: &catalogue::ABORT_DECISION,
                service: owned.owner.to_owned(),
                of: (*name).to_owned(),
                detail: format!(
                    "{name} of {saga} decides it with {abort}, which aborts it for all who hear of it: give the \
                     abort an event of its own"
                ),
            },
            StepKind::Origin | StepKind::Compensatable | StepKind::Pivot | StepKind::Retriable => {
                Problem {
                    rule: &catalogue::ABORT_OUTCOME,
                    service: owned.owner.to_owned(),
                    of: (*name).to_owned(),
                    detail: format!(
                        "{name} publishes {abort}, which would abort {saga} for all others and not for {}: give \
                         the step an event of its own, and abort with `aborts_on(..)` or `Unit::abort`",
                        owned.owner
                    ),
                }
            }
        });
    }
    if owned.deadline.is_some_and(|deadline| deadline.passed == abort) {
        problems.push(Problem {
            rule: &catalogue::ABORT_DEADLINE,
            service: owned.owner.to_owned(),
            of: saga.to_owned(),
            detail: format!(
                "{} publishes {abort} when the deadline of {saga} has passed, and all others would undo their part \
                 before it judges whether the saga is decided: give the deadline an event of its own",
                owned.owner
            ),
        });
    }
}

/// Checks that no handler publishes an event that begins, decides or aborts a saga, since that
/// leaves with its ledger row.
fn check_published(part: &Part, owned: &SagaPart, problems: &mut Vec<Problem>) {
    let of_step = |step: &StepPart| {
        let does = match step.kind {
            StepKind::Origin => "begin",
            StepKind::Decision => "decide",
            StepKind::Compensatable | StepKind::Pivot | StepKind::Retriable => return None,
        };
        let instead = match step.on.is_empty() {
            true => "call `Unit::originate`".to_owned(),
            false => format!("return it from {}", step.name),
        };
        Some((step.done, does, instead))
    };
    let abort = owned.abort.map(|abort| (abort, "abort", "call `Unit::abort`".to_owned()));
    let all = owned.steps.iter().filter_map(of_step).chain(abort);
    for (event, does, instead) in all.filter(|(event, ..)| part.publishes.contains(event)) {
        problems.push(Problem {
            rule: &catalogue::OWNER_LEDGER,
            service: part.service.to_owned(),
            of: owned.saga.to_owned(),
            detail: format!(
                "{} declares that it publishes {event}, which would {does} {} for all others and not for itself: \
                 take it out of `publishes(..)`, and {instead}",
                part.service, owned.saga
            ),
        });
    }
}

fn check_deadline(owned: &SagaPart, problems: &mut Vec<Problem>) {
    let Some(deadline) = owned.deadline else { return };
    let saga = owned.saga;
    if !owned.steps.iter().any(|step| step.kind == StepKind::Decision) {
        problems.push(Problem {
            rule: &catalogue::DEADLINE_DECISION,
            service: owned.owner.to_owned(),
            of: saga.to_owned(),
            detail: format!(
                "{saga} has none, so every run of it would be aborted at its deadline: declare the \
                 step that records its success with `#[decides]`"
            ),
        });
    }
    let limits = Limits::default();
    let longest = limits.saga_window - limits.saga_room - limits.inbox_window;
    if deadline.after.is_negative() || deadline.after > longest {
        problems.push(Problem {
            rule: &catalogue::DEADLINE_LENGTH,
            service: owned.owner.to_owned(),
            of: saga.to_owned(),
            detail: format!(
                "that of {saga} is {:#} after the start, and at most {longest:#} leave room for the \
                 rest of the saga: it is remembered for {:#}",
                deadline.after, limits.saga_window
            ),
        });
    }
}

/// The rule for contracts that were written apart: who takes part in a saga hears of its abort.
pub(super) fn check_agreement(system: &System, problems: &mut Vec<Problem>) {
    for saga in sagas(system) {
        let owns = |(service, part): &(&str, &SagaPart)| part.owner == *service;
        let Some((owner, owned)) = parts_of(system, saga).find(owns) else { continue };
        for (service, part) in parts_of(system, saga).filter(|(service, _)| *service != owner) {
            if part.owner == owner && part.abort == owned.abort {
                continue;
            }
            let words = |part: &SagaPart| match part.abort {
                Some(abort) => format!("{}, and is aborted by {abort}", part.owner),
                None => format!("{}, and is never aborted", part.owner),
            };
            problems.push(Problem {
                rule: &catalogue::SAGA_AGREEMENT,
                service: service.to_owned(),
                of: saga.to_owned(),
                detail: format!(
                    "{owner} declares that {saga} is owned by {}; {service}, that it is owned by {}. What \
                     {service} did in it would not be undone: let {service} declare the owner and the abort \
                     that {owner} does",
                    words(owned),
                    words(part)
                ),
            });
        }
    }
}

pub(super) fn check_answers(system: &System, problems: &mut Vec<Problem>) {
    for saga in sagas(system) {
        let mut parts = parts_of(system, saga);
        let Some((owner, owned)) = parts.find(|(service, part)| part.owner == *service) else {
            problems.push(Problem {
                rule: &catalogue::SAGA_OWNER,
                service: node::owner(system, saga).to_owned(),
                of: saga.to_owned(),
                detail: format!(
                    "no service of the system owns {saga}: it needs a method with `#[owns(SAGA)]` in the service that the \
                     `#[saga]` names as owner"
                ),
            });
            continue;
        };
        let nodes = nodes(system, saga);
        // A pivot has a rule of its own, below. A saga that is never aborted has nothing to decide.
        let decides = |kind| kind == StepKind::Decision || kind == StepKind::Pivot;
        let may_end = owned.deadline.is_some() || nodes.iter().any(|node| decides(node.step.kind));
        if owned.abort.is_some() && !may_end {
            problems.push(Problem {
                rule: &catalogue::SAGA_ENDS,
                service: owner.to_owned(),
                of: saga.to_owned(),
                detail: format!(
                    "{owner} owns {saga} with neither a decision nor a deadline, so no run of it is ever \
                     over: declare the step that records its success with `#[decides]`, and how \
                     long it may take with `deadline(..)` in `#[owns(..)]`"
                ),
            });
        }
        for node in &nodes {
            let refused = node.step.refused.filter(|event| Some(*event) != owned.abort);
            if let Some(refused) = refused
                && !owned.aborts_on.contains(&refused)
                && !nodes.iter().any(|next| {
                    // A join with what it does when it is done never runs.
                    next.step.on.contains(&refused) && !next.step.on.contains(&node.step.done)
                        || next.step.compensated_by.contains(&refused)
                })
            {
                problems.push(Problem {
                    rule: &catalogue::REFUSAL_MAPPED,
                    service: owner.to_owned(),
                    of: refused.name().to_owned(),
                    detail: format!(
                        "{}.{} may refuse with {refused}, and {owner} does not abort on it: add \
                         `aborts_on(..)` for it to the `#[owns(..)]` of {owner}",
                        node.service, node.step.name
                    ),
                });
            }
            if node.step.kind == StepKind::Pivot
                && !nodes.iter().any(|next| {
                    next.step.kind == StepKind::Decision && next.step.on.contains(&node.step.done)
                })
            {
                problems.push(Problem {
                    rule: &catalogue::PIVOT_RECORDED,
                    service: owner.to_owned(),
                    of: saga.to_owned(),
                    detail: format!(
                        "{owner} has no decision on {}: add a step on it to {owner} with `#[decides]`",
                        node.step.done
                    ),
                });
            }
        }
    }
}
