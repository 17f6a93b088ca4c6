//! Checks that a step takes effect once, with copies and crashes at any point.

use crate::suite::checks::check::{StepCheck, check};
use crate::suite::rig::check_result::CheckResult;
use crate::suite::rig::observe::leaves;
use crate::suite::rig::step_rig::{Phase, StepRig};
use crate::suite::rig::world::ServiceWorld;

pub(crate) fn checks(phase: Phase) -> Vec<StepCheck> {
    vec![
        check!(phase.named("delivered twice"), twice, phase),
        check!(phase.named("delivered twice in one batch"), twice_at_once, phase),
        check!(phase.named("crash between commit and ack"), crash_before_ack, phase),
        check!(phase.named("crash between commit and publish"), crash_before_publish, phase),
        check!(phase.named("delivered twice, to two replicas"), to_two_replicas, phase),
    ]
}

/// Delivers under the same ids, then under new ones.
async fn twice(rig: &StepRig<'_>, phase: Phase) -> CheckResult {
    let mut world = ServiceWorld::before(rig, phase).await?;
    let sent = world.publish(0, rig.events(phase)?);
    world.until_idle().await?;
    world.publish_again(&sent);
    world.until_idle().await?;
    world.publish(0, rig.events(phase)?);
    leaves(&mut world, rig.after(phase)).await
}

async fn twice_at_once(rig: &StepRig<'_>, phase: Phase) -> CheckResult {
    let mut world = ServiceWorld::before(rig, phase).await?;
    let held = world.hold_lanes().await?;
    let sent = world.publish(0, rig.events(phase)?);
    world.publish_again(&sent);
    world.publish(0, rig.events(phase)?);
    world.until_delivered().await?;
    held.release().await?;
    leaves(&mut world, rig.after(phase)).await
}

async fn crash_before_ack(rig: &StepRig<'_>, phase: Phase) -> CheckResult {
    let mut world = ServiceWorld::before(rig, phase).await?;
    world.broker.lose_acks(true);
    let sent = world.publish(0, rig.events(phase)?);
    world.until_committed(&sent).await?;
    world.crash().await?;
    world.broker.lose_acks(false);
    world.start().await?;
    leaves(&mut world, rig.after(phase)).await
}

async fn crash_before_publish(rig: &StepRig<'_>, phase: Phase) -> CheckResult {
    let mut world = ServiceWorld::before(rig, phase).await?;
    world.broker.block(true);
    world.publish(0, rig.events(phase)?);
    world.until_acknowledged().await?;
    world.crash().await?;
    world.broker.block(false);
    world.start().await?;
    leaves(&mut world, rig.after(phase)).await
}

/// The broker delivers in turn, so both replicas get messages of the same saga.
async fn to_two_replicas(rig: &StepRig<'_>, phase: Phase) -> CheckResult {
    let mut world = ServiceWorld::before(rig, phase).await?;
    world.start_replica().await?;
    let sent = world.publish(0, rig.events(phase)?);
    world.publish_again(&sent);
    world.publish(0, rig.events(phase)?);
    leaves(&mut world, rig.after(phase)).await
}
