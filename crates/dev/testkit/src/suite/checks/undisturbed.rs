//! The undisturbed runs of a step, with which the checks compare.

use ballet::core::part::StepKind;

use crate::suite::checks::request;
use crate::suite::rig::case::CaseTrigger;
use crate::suite::rig::check_result::{CheckFailure, CheckResult, ensure};
use crate::suite::rig::observe::snapshot;
use crate::suite::rig::snapshot::{
    RunSnapshot, emitted, list, nothing_astray, same_effects, visible,
};
use crate::suite::rig::step_rig::{Phase, StepRig};
use crate::suite::rig::world::ServiceWorld;

pub(crate) async fn undisturbed(rig: &mut StepRig<'_>) -> CheckResult {
    if matches!(rig.case.trigger, CaseTrigger::Request(..)) {
        return request::undisturbed(rig).await;
    }
    let part = rig.part;
    rig.expected.before = snapshot(&mut ServiceWorld::open(rig, 1, false).await?).await?;
    rig.expected.done = left_by(rig, Phase::Run).await?;
    let done = &rig.expected.done;
    emitted(done, "done", part.done.name())?;
    ensure(done.at(part.name, "done") == 1, || {
        format!("the ledger does not say that it is done:{}", list(&done.ledger))
    })?;
    visible(done, &rig.expected.before)?;
    if let Some(refused) = part.refused {
        let before = snapshot(&mut ServiceWorld::open(rig, 1, true).await?).await?;
        rig.expected.refused = left_by(rig, Phase::Refusal).await?;
        emitted(&rig.expected.refused, "refused", refused.name())?;
        same_effects(&rig.expected.refused, &before).map_err(|CheckFailure(words)| {
            CheckFailure(format!("the refusal is not without effects: {words}"))
        })?;
    }
    let origin = part.kind == StepKind::Origin;
    if part.kind == StepKind::Retriable || (origin && rig.case.abort.is_none()) {
        return Ok(());
    }
    let mut world = ServiceWorld::open(rig, 1, false).await?;
    if !origin {
        world.publish(0, rig.abort()?);
        world.until_idle().await?;
    }
    let aborted = snapshot(&mut world).await?;
    drop(world);
    ensure(aborted.astray.is_empty(), || {
        format!("the abort went astray:{}", list(&aborted.astray))
    })?;
    rig.expected.aborted = aborted;
    rig.expected.compensated = left_by(rig, Phase::Undo).await?;
    let undone = &rig.expected.compensated;
    if part.kind.can_be_compensated() {
        ensure(undone.at(part.name, "undone") == 1, || {
            format!("the ledger does not say that it is undone:{}", list(&undone.ledger))
        })?;
        if let Some(event) = part.compensated {
            emitted(undone, "undone", event.name())?;
        }
    }
    if part.kind == StepKind::Decision {
        return Ok(());
    }
    same_effects(undone, &rig.expected.aborted).map_err(|CheckFailure(words)| {
        CheckFailure(format!("the undo does not take everything back: {words}"))
    })
}

async fn left_by(rig: &StepRig<'_>, phase: Phase) -> CheckResult<RunSnapshot> {
    let mut world = ServiceWorld::before(rig, phase).await?;
    world.publish(0, rig.events(phase)?);
    world.until_idle().await?;
    let left = snapshot(&mut world).await?;
    nothing_astray(&left)?;
    let asked = world.outside.asked().len();
    ensure(asked >= left.calls.len(), || {
        format!("only {asked} of {} calls went through `Outside`", left.calls.len())
    })?;
    Ok(left)
}
