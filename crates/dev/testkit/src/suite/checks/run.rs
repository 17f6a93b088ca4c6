//! Chooses and runs the checks that apply to a step.

use ballet::core::part::{StepKind, StepPart};

use crate::suite::checks::check::StepCheck;
use crate::suite::checks::undisturbed::undisturbed;
use crate::suite::checks::{batches, calls, neighbours, once, request, undo};
use crate::suite::rig::case::{CaseTrigger, StepCase};
use crate::suite::rig::snapshot::RunSnapshot;
use crate::suite::rig::step_rig::{Phase, StepRig};
use crate::suite::rig::tested_service::TestedService;

pub(crate) async fn failures(
    subject: &TestedService,
    part: &StepPart,
    case: StepCase,
) -> Vec<String> {
    let mut rig = match Box::pin(StepRig::new(subject, part, case)).await {
        Ok(rig) => rig,
        Err(wrong) => return vec![format!("the service did not start: {wrong}")],
    };
    if let Err(wrong) = Box::pin(undisturbed(&mut rig)).await {
        return vec![format!("undisturbed: {wrong}")];
    }
    let mut failed = Vec::new();
    for StepCheck { name, run } in checks_for(&rig) {
        if let Err(wrong) = run(&rig).await {
            failed.push(format!("{name}: {wrong}"));
        }
    }
    failed
}

fn checks_for(rig: &StepRig<'_>) -> Vec<StepCheck> {
    let part = rig.part;
    if let CaseTrigger::Request(..) = rig.case.trigger {
        return request::checks(rig);
    }
    let mut phases = vec![Phase::Run];
    phases.extend(part.refused.map(|_| Phase::Refusal));
    // An origin is not undone, but its owner can abort it.
    let aborted = part.kind.can_be_compensated()
        || (part.kind == StepKind::Origin && rig.case.abort.is_some());
    if aborted {
        phases.push(Phase::Undo);
    }
    let mut checks = Vec::new();
    for phase in phases {
        checks.extend(once::checks(phase));
        if part.runs.is_answered_later() && asks(rig, phase) {
            checks.extend(calls::checks(phase));
        }
    }
    checks.extend(neighbours::checks(rig));
    checks.extend(batches::checks());
    if aborted {
        checks.extend(undo::checks(part));
        if part.runs.is_answered_later() {
            checks.extend(calls::checks_of_aborts(part.refused.is_some()));
        }
    }
    if part.kind == StepKind::Decision {
        checks.extend(undo::checks_of_decision());
    }
    checks
}

/// An undo may find that no call is needed.
fn asks(rig: &StepRig<'_>, phase: Phase) -> bool {
    let undo = format!("undo of {}", rig.part.name);
    let undoes = |left: &RunSnapshot| left.calls.iter().any(|call| call.ends_with(&undo));
    phase != Phase::Undo || undoes(&rig.expected.compensated)
}
