//! The aims: every fault point for all that a service declares.

use ballet::EventType;
use ballet::core::topology::{DEAD, RETRIES, TELEMETRY};
use ballet::core::{Part, StepPart};
use ballet_core::fault::{FaultPoint, PointSubject};

/// By this operation a process takes over the calls of one that is gone.
pub(crate) const CLAIMS: &str = "claims";

/// Where a process is killed, and in which operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aim {
    pub(crate) point: FaultPoint,
    pub(crate) what: String,
}

impl Aim {
    pub(crate) fn line(&self) -> String {
        format!("{}@{}", self.point.name(), self.what)
    }

    /// An aim that only a process started after this kill reaches.
    pub(crate) fn after(&self) -> Option<Self> {
        let point = match self.point {
            FaultPoint::BeforeSweep => FaultPoint::BeforePublish,
            FaultPoint::BeforeClaim | FaultPoint::AfterClaim => FaultPoint::BeforeCall,
            _ => return None,
        };
        Some(Self { point, what: self.what.clone() })
    }

    /// Why no system reaches it.
    pub(crate) fn unreachable(&self) -> Option<&'static str> {
        let is_copy = matches!(self.point, FaultPoint::BeforeCopy | FaultPoint::AfterCopy);
        (is_copy && self.what != DEAD).then_some(
            "the same lines as for a dead letter; a compensation would have to fail for long",
        )
    }
}

pub(crate) fn of(part: &Part) -> Vec<Aim> {
    let mut aims = Vec::new();
    for point in FaultPoint::ALL {
        for about in point.about() {
            aims.extend(
                operations_at(part, *about).into_iter().map(|what| Aim { point: *point, what }),
            );
        }
    }
    if !part.telemetry.is_empty() {
        // Without an outbox there are no marks.
        let points =
            [FaultPoint::BeforePublish, FaultPoint::AfterPublish, FaultPoint::AfterConfirm];
        aims.extend(points.map(|point| Aim { point, what: TELEMETRY.to_owned() }));
    }
    aims
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
        PointSubject::Copy => {
            let retries = RETRIES.iter().map(|(name, _)| (*name).to_owned());
            std::iter::once(DEAD.to_owned()).chain(retries).collect()
        }
        PointSubject::Tables => ["partitions", "truncate", CLAIMS].map(str::to_owned).into(),
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
