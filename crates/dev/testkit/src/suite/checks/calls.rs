//! Calls to a provider that are lost, held, or made twice.

use crate::suite::checks::check::{StepCheck, check};
use crate::suite::rig::check_result::{CheckResult, ensure};
use crate::suite::rig::observe::{leaves, snapshot};
use crate::suite::rig::outside::CallLeg;
use crate::suite::rig::snapshot::same;
use crate::suite::rig::step_rig::{Phase, StepRig};
use crate::suite::rig::world::ServiceWorld;

pub(crate) fn checks(phase: Phase) -> Vec<StepCheck> {
    let mut checks = vec![
        check!(phase.named("asked again after a lost call"), asked_again, phase, CallLeg::Request),
        check!(phase.named("asked again after a lost answer"), asked_again, phase, CallLeg::Answer),
        check!(phase.named("crash with the call on its way"), crash, phase, CallLeg::Request),
        check!(phase.named("crash with the answer on its way"), crash, phase, CallLeg::Answer),
        check!(phase.named("answered twice"), answered_twice, phase),
    ];
    if phase == Phase::Undo {
        checks.push(check!("aborted again while the undo is asked for", aborted_again));
    }
    checks
}

pub(crate) fn checks_of_aborts(may_refuse: bool) -> Vec<StepCheck> {
    let mut checks = vec![check!("aborted while it asks", aborted_meanwhile, Phase::Run)];
    if may_refuse {
        checks.push(check!("aborted while it asks, refusing", aborted_meanwhile, Phase::Refusal));
    }
    checks
}

async fn asked_again(rig: &StepRig<'_>, phase: Phase, leg: CallLeg) -> CheckResult {
    let mut world = ServiceWorld::before(rig, phase).await?;
    let earlier = world.outside.asked().len();
    world.outside.lose_one(leg);
    world.publish(0, rig.events(phase)?);
    world.until_idle().await?;
    under_one_key(&world, earlier)?;
    same(&snapshot(&mut world).await?, rig.after(phase))
}

async fn crash(rig: &StepRig<'_>, phase: Phase, leg: CallLeg) -> CheckResult {
    let mut world = ServiceWorld::before(rig, phase).await?;
    let earlier = world.outside.asked().len();
    let reached = world.outside.reached(leg);
    world.outside.hold(Some(leg));
    world.publish(0, rig.events(phase)?);
    world.until("the call", || world.outside.reached(leg) > reached).await?;
    world.until_acknowledged().await?;
    world.crash().await?;
    world.start().await?;
    world.until_idle().await?;
    under_one_key(&world, earlier)?;
    same(&snapshot(&mut world).await?, rig.after(phase))
}

/// An owner that lost its session counts as dead while it lives on, so two processes make the call and get an answer.
async fn answered_twice(rig: &StepRig<'_>, phase: Phase) -> CheckResult {
    let mut world = ServiceWorld::before(rig, phase).await?;
    let (asked, answered) = (world.outside.asked().len(), world.outside.answered());
    world.outside.hold(Some(CallLeg::Request));
    world.publish(0, rig.events(phase)?);
    world.until("the call", || world.outside.asked().len() > asked).await?;
    world.orphan_calls().await?;
    world.start().await?;
    world.until("the second call", || world.outside.asked().len() > asked + 1).await?;
    world.outside.hold(None);
    world.until("both answers", || world.outside.answered() > answered + 1).await?;
    under_one_key(&world, asked)?;
    world.until_idle().await?;
    // Later messages in the same lanes are handled after the second answer.
    world.publish(0, rig.events(phase)?);
    world.publish(0, rig.events(phase)?);
    leaves(&mut world, rig.after(phase)).await
}

/// Only the undo is published.
async fn aborted_meanwhile(rig: &StepRig<'_>, phase: Phase) -> CheckResult {
    let mut world = ServiceWorld::before(rig, phase).await?;
    let earlier = world.outside.reached(CallLeg::Answer);
    world.outside.hold(Some(CallLeg::Answer));
    world.publish(0, rig.events(phase)?);
    world.until("the call", || world.outside.reached(CallLeg::Answer) > earlier).await?;
    world.publish(0, rig.abort()?);
    world.until_acknowledged().await?;
    world.outside.hold(None);
    world.until_idle().await?;
    let left = snapshot(&mut world).await?;
    drop(world);
    if phase == Phase::Run {
        return same(&left, &rig.expected.compensated.clone().without_event(rig.part.done.name()));
    }
    let mut world = ServiceWorld::before(rig, phase).await?;
    world.publish(0, rig.refused()?);
    world.until_idle().await?;
    world.publish(0, rig.abort()?);
    world.until_idle().await?;
    let undisturbed = snapshot(&mut world).await?;
    let refused = rig.part.refused.map_or("", |event| event.name());
    same(&left, &undisturbed.without_event(refused))
}

async fn aborted_again(rig: &StepRig<'_>) -> CheckResult {
    let mut world = ServiceWorld::before(rig, Phase::Undo).await?;
    let earlier = world.outside.asked().len();
    world.outside.hold(Some(CallLeg::Request));
    let sent = world.publish(0, rig.abort()?);
    world.until("the call", || world.outside.asked().len() > earlier).await?;
    world.publish_again(&sent);
    world.publish(0, rig.abort()?);
    world.publish(0, rig.done()?);
    world.until_acknowledged().await?;
    world.outside.hold(None);
    leaves(&mut world, &rig.expected.compensated).await
}

/// The first call after the earlier ones was repeated under the same key.
fn under_one_key(world: &ServiceWorld<'_>, earlier: usize) -> CheckResult {
    let asked = world.outside.asked().split_off(earlier);
    ensure(asked.len() >= 2 && asked[0] == asked[1], || {
        format!("the call is not made again under the same key: {asked:?}")
    })
}
