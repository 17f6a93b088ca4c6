//! Aborts that come before the step, after it, and at the same time.

use ballet::core::part::{StepKind, StepPart};

use crate::suite::checks::check::{StepCheck, check};
use crate::suite::rig::check_result::{CheckResult, ensure};
use crate::suite::rig::observe::{leaves, snapshot};
use crate::suite::rig::snapshot::{list, same, same_effects};
use crate::suite::rig::step_rig::{Phase, StepRig};
use crate::suite::rig::world::ServiceWorld;

/// Sagas that are triggered and aborted at the same time.
const RACES: usize = 12;

pub(crate) fn checks(part: &StepPart) -> Vec<StepCheck> {
    let mut checks = vec![check!("run after undo", run_after_undo)];
    if !part.kind.can_be_compensated() {
        // The owner ignores the abort of a saga that has not begun.
        return checks;
    }
    checks.extend([
        check!("undo before run", undo_before_run),
        check!("undo before run, in one batch", undo_before_run_at_once),
        check!("run and undo at once, on two replicas", race),
    ]);
    if part.refused.is_some() {
        checks.push(check!("refused, then aborted", refused_then_aborted));
    }
    checks
}

pub(crate) fn checks_of_decision() -> Vec<StepCheck> {
    vec![
        check!("the abort first", undo_before_run),
        check!("the abort too late", abort_too_late),
        check!("decision and abort at once, on two replicas", race),
    ]
}

/// The tombstone covers later messages.
async fn undo_before_run(rig: &StepRig<'_>) -> CheckResult {
    let mut world = ServiceWorld::open(rig, 1, false).await?;
    world.publish(0, rig.abort()?);
    world.until_idle().await?;
    let sent = world.publish(0, rig.done()?);
    world.until_idle().await?;
    world.publish_again(&sent);
    world.publish(0, rig.abort()?);
    leaves(&mut world, &rig.expected.aborted).await
}

async fn undo_before_run_at_once(rig: &StepRig<'_>) -> CheckResult {
    let mut world = ServiceWorld::open(rig, 1, false).await?;
    let held = world.hold_lanes().await?;
    world.publish(0, rig.abort()?);
    world.publish(0, rig.done()?);
    world.until_delivered().await?;
    held.release().await?;
    leaves(&mut world, &rig.expected.aborted).await
}

async fn run_after_undo(rig: &StepRig<'_>) -> CheckResult {
    let mut world = ServiceWorld::before(rig, Phase::Undo).await?;
    world.publish(0, rig.abort()?);
    world.until_idle().await?;
    world.publish(0, rig.done()?);
    leaves(&mut world, &rig.expected.compensated).await
}

async fn refused_then_aborted(rig: &StepRig<'_>) -> CheckResult {
    let mut world = ServiceWorld::before(rig, Phase::Refusal).await?;
    world.publish(0, rig.refused()?);
    world.until_idle().await?;
    world.publish(0, rig.abort()?);
    world.until_idle().await?;
    let left = snapshot(&mut world).await?;
    same_effects(&left, &rig.expected.aborted)?;
    let undone = rig.part.compensated.map_or(0, |event| left.count(event.name()));
    ensure(undone == 0 && left.at(rig.part.name, "refused") == 1, || {
        format!("what was refused is undone:{}\n{}", list(&left.events), list(&left.ledger))
    })
}

async fn abort_too_late(rig: &StepRig<'_>) -> CheckResult {
    same(&rig.expected.compensated, &rig.expected.done)
}

/// An aborted saga leaves no effect in either order, and no saga is both decided and aborted.
async fn race(rig: &StepRig<'_>) -> CheckResult {
    let mut world = ServiceWorld::open(rig, RACES, false).await?;
    for at in 0..RACES {
        world.publish(at, rig.abort()?);
    }
    world.until_idle().await?;
    let aborted = snapshot(&mut world).await?;
    drop(world);

    let mut world = ServiceWorld::open(rig, RACES, false).await?;
    world.start_replica().await?;
    for at in 0..RACES {
        if at % 2 == 0 {
            world.publish(at, rig.done()?);
            world.publish(at, rig.abort()?);
        } else {
            world.publish(at, rig.abort()?);
            world.publish(at, rig.done()?);
        }
    }
    world.until_idle().await?;
    let left = snapshot(&mut world).await?;
    let part = rig.part;
    let (done, ledger) = (left.count(part.done.name()), || list(&left.ledger));
    ensure(left.astray.is_empty(), || format!("messages went astray:{}", list(&left.astray)))?;
    if part.kind == StepKind::Decision {
        let abort = rig.abort_event().map_or(0, |event| left.count(event.name()));
        return ensure(done + abort == RACES, || {
            format!("of {RACES} sagas {done} are decided, {abort} aborted:{}", ledger())
        });
    }
    same_effects(&left, &aborted)?;
    let undone = part.compensated.map_or(0, |event| left.count(event.name()));
    let entries = left.at(part.name, "undone");
    ensure(left.at(part.name, "done") == 0, || format!("not all are undone:{}", ledger()))?;
    ensure(part.compensated.is_none() || undone == entries, || {
        format!("{entries} are undone, {undone} are announced:{}", ledger())
    })
}
