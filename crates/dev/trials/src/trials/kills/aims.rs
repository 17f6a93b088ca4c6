//! The aims: every fault point for all that a service declares.

use ballet::EventType;
use ballet::core::topology::{DEAD, TELEMETRY};
use ballet::core::{Part, StepPart};
use ballet_core::fault::{FaultPoint, PointSubject};

use crate::trials::kills::acts::Act;

/// By this operation a process takes over the calls of one that is gone.
const CLAIMS: &str = "claims";

/// A kill, or two if the second needs a first.
#[derive(Debug)]
pub(crate) struct KillCase {
    /// Each point with the operation in which the process is killed there.
    pub(crate) lines: Vec<String>,
    pub(crate) act: Act,
}

pub(crate) fn of(part: &Part) -> Vec<KillCase> {
    let mut aims: Vec<(FaultPoint, String)> = Vec::new();
    for point in FaultPoint::ALL {
        let all = point.about().iter().flat_map(|about| operations_at(part, *about));
        aims.extend(all.map(|what| (*point, what)));
    }
    if !part.telemetry.is_empty() {
        // Without an outbox there are no marks.
        let points =
            [FaultPoint::BeforePublish, FaultPoint::AfterPublish, FaultPoint::AfterConfirm];
        aims.extend(points.map(|point| (point, TELEMETRY.to_owned())));
    }
    let is_usual = |what: &str| what != CLAIMS && act(part, what) == Act::Nothing;
    let any = aims.iter().find(|(_, what)| is_usual(what)).map(line);
    let case = |aim: &(FaultPoint, String)| {
        let (point, what) = aim;
        let first = match point {
            _ if what == CLAIMS => any.clone(),
            FaultPoint::BeforeSweep => Some(line(&(FaultPoint::BeforePublish, what.clone()))),
            // Only a process that starts after this kill has a call to claim.
            FaultPoint::BeforeClaim | FaultPoint::AfterClaim => {
                Some(line(&(FaultPoint::BeforeCall, what.clone())))
            }
            _ => None,
        };
        KillCase { lines: first.into_iter().chain([line(aim)]).collect(), act: act(part, what) }
    };
    aims.iter().map(case).collect()
}

fn line((point, what): &(FaultPoint, String)) -> String {
    format!("{}@{what}", point.name())
}

fn act(part: &Part, what: &str) -> Act {
    let shared =
        part.shares.iter().flat_map(|share| share.requests.iter().chain([&share.republished]));
    let copied = part.copies.iter().flat_map(|copy| copy.request.iter().chain([&copy.republished]));
    let mut deadlines = part.sagas.iter().filter_map(|saga| saga.deadline);
    if shared.chain(copied).any(|event| event.name() == what) {
        Act::Refill
    } else if deadlines.any(|deadline| deadline.passed.name() == what) {
        Act::Overdue
    } else if what == DEAD {
        Act::Disturb
    } else {
        Act::Nothing
    }
}

fn operations_at(part: &Part, about: PointSubject) -> Vec<String> {
    let steps = || part.sagas.iter().flat_map(|saga| &saga.steps);
    let names = |types: Vec<EventType>| types.iter().map(|e| e.name().to_owned()).collect();
    match about {
        PointSubject::Delivery => names(part.consumes()),
        PointSubject::Event => names(part.emits()),
        PointSubject::Row => {
            let mut rows: Vec<String> = names(part.publishes.clone());
            rows.extend(names(part.shares.iter().map(|share| share.republished).collect()));
            rows.extend(names(part.copies.iter().filter_map(|copy| copy.request).collect()));
            rows.extend(steps().flat_map(rows_of));
            let deadlines = part.sagas.iter().filter_map(|saga| saga.deadline);
            rows.extend(deadlines.map(|deadline| deadline.passed.name().to_owned()));
            if part.sagas.iter().any(|saga| saga.abort.is_some()) {
                rows.push("aborted:".to_owned());
            }
            rows
        }
        PointSubject::Call => {
            let calls = steps().filter(|step| step.runs.is_answered_later()).flat_map(|step| {
                let undo = step.kind.can_be_compensated().then(|| format!("undo:{}", step.name));
                [Some(step.name.to_owned()), undo]
            });
            calls.flatten().collect()
        }
        // A copy for a later attempt takes the same lines.
        PointSubject::Copy => vec![DEAD.to_owned()],
        // A table with rows is emptied once its turn is over.
        PointSubject::Tables if part.emits().is_empty() => vec![CLAIMS.to_owned()],
        // Every process dies at its first start when it makes partitions.
        PointSubject::Tables => vec!["truncate".to_owned(), CLAIMS.to_owned()],
        // Only tools do this.
        PointSubject::Letter => Vec::new(),
    }
}

fn rows_of(step: &StepPart) -> Vec<String> {
    let entries = [
        ("arrived", step.on.len() > 1),
        ("calling", step.runs.is_answered_later()),
        ("done", true),
        ("refused", step.refused.is_some()),
        ("undoing", step.runs.is_answered_later() && step.kind.can_be_compensated()),
        ("undone", step.kind.can_be_compensated()),
        ("aborted", !step.compensated_by.is_empty()),
    ];
    let possible = entries.into_iter().filter(|(_, possible)| *possible);
    possible.map(|(entry, _)| format!("{entry}:{}", step.name)).collect()
}
