//! What services except from rules, and why.

use crate::parts::part::{ExceptionPart, Part, System};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

pub(super) fn check(part: &Part, problems: &mut Vec<Problem>) {
    for ExceptionPart { rule, of, reason } in &part.exceptions {
        let wrong = match catalogue::find(rule) {
            None => "there is no such rule: `ballet explain` lists them",
            Some(rule) if !rule.kind.has_exceptions() => "a service that breaks it does not start",
            Some(_) if reason.trim().is_empty() => {
                "it has no reason: say why it does not matter here"
            }
            Some(_) => continue,
        };
        problems.push(Problem {
            rule: &catalogue::EXCEPTION,
            service: part.service.to_owned(),
            of: (*of).to_owned(),
            detail: format!("{} excepts {of:?} from {rule}, and {wrong}", part.service),
        });
    }
}

/// Whether the service of a problem excepts it.
pub(super) fn has(system: &System, problem: &Problem) -> bool {
    let parts = system.parts.iter().filter(|part| part.service == problem.service);
    problem.rule.kind.has_exceptions()
        && parts.flat_map(|part| &part.exceptions).any(|exception| excepts(exception, problem))
}

fn excepts(exception: &ExceptionPart, problem: &Problem) -> bool {
    // An event stands for each of its fields.
    let rest = problem.of.strip_prefix(exception.of);
    problem.rule.id.eq_ignore_ascii_case(exception.rule)
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The exceptions that except nothing of what was found.
pub(super) fn unused(system: &System, found: &[Problem]) -> Vec<Problem> {
    let mut notes = Vec::new();
    for part in &system.parts {
        for exception in &part.exceptions {
            let is_excepted =
                |problem: &Problem| problem.service == part.service && excepts(exception, problem);
            if found.iter().any(is_excepted) {
                continue;
            }
            notes.push(Problem {
                rule: &catalogue::EXCEPTION_USED,
                service: part.service.to_owned(),
                of: exception.of.to_owned(),
                detail: format!(
                    "{} excepts {:?} from {}, which it does not break: remove the exception",
                    part.service, exception.of, exception.rule
                ),
            });
        }
    }
    notes
}
