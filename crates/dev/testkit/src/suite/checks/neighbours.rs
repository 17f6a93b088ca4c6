//! A step with neighbours: failing messages in its batch, the other events of its join.

use crate::suite::checks::check::{StepCheck, check};
use crate::suite::rig::case::PublishedEvent;
use crate::suite::rig::check_result::{CheckResult, ensure};
use crate::suite::rig::observe::snapshot;
use crate::suite::rig::snapshot::{RunSnapshot, list, same};
use crate::suite::rig::step_rig::{Phase, StepRig, missing};
use crate::suite::rig::world::ServiceWorld;

const GOOD: usize = 6;

pub(crate) fn checks(rig: &StepRig<'_>) -> Vec<StepCheck> {
    let mut checks =
        vec![check!("an unreadable message among good ones", among, BadMessage::Unreadable)];
    // A step with a call may have nothing before the call that can fail.
    if !rig.part.runs.is_answered_later() || rig.case.failing.is_some() {
        checks.push(check!("a failing handler among good ones", among, BadMessage::Failing));
    }
    if rig.part.on.len() > 1 {
        checks.push(check!("its events in another order", in_another_order));
        checks.push(check!("one of its events twice", one_twice));
    }
    checks
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BadMessage {
    Unreadable,
    Failing,
}

/// The good messages have the same effect as without the bad one, which becomes one dead letter.
async fn among(rig: &StepRig<'_>, bad: BadMessage) -> CheckResult {
    if bad == BadMessage::Failing && rig.case.failing.is_none() {
        return Err(missing("`failing_on`: a handler may always fail"));
    }
    let expected = batch(rig, bad, false).await?;
    let mut found = batch(rig, bad, true).await?;
    let dead = std::mem::take(&mut found.astray);
    same(&found, &expected)?;
    ensure(dead.len() == 1, || format!("there should be one dead letter:{}", list(&dead)))
}

async fn batch(rig: &StepRig<'_>, bad: BadMessage, with_bad: bool) -> CheckResult<RunSnapshot> {
    let mut world = ServiceWorld::open(rig, GOOD, false).await?;
    world.sagas.push(rig.new_saga());
    if let (BadMessage::Failing, Some((rows, _))) = (bad, &rig.case.failing) {
        world.execute(rows(world.sagas[GOOD])).await?;
    }
    let held = world.hold_lanes().await?;
    for at in 0..GOOD {
        if with_bad && at == GOOD / 2 {
            publish_bad(&world, bad)?;
        }
        world.publish(at, rig.done()?);
    }
    world.until_delivered().await?;
    held.release().await?;
    world.until_idle().await?;
    let left = snapshot(&mut world).await?;
    // For the bad message, only its end matters.
    let (astray, bad) = (left.astray.clone(), format!("saga{}", GOOD + 1));
    Ok(RunSnapshot { astray, ..left.without(&bad) })
}

fn publish_bad(world: &ServiceWorld<'_>, bad: BadMessage) -> CheckResult {
    let saga = world.sagas[GOOD];
    if let (BadMessage::Failing, Some((_, events))) = (bad, &world.rig.case.failing) {
        world.publish(GOOD, events);
        return Ok(());
    }
    let good = world.rig.done()?(saga);
    let last = good.into_iter().last().ok_or_else(|| missing("an event that makes it done"))?;
    world.publish_one(saga, &PublishedEvent { body: "{\"cut".to_owned(), ..last });
    Ok(())
}

async fn in_another_order(rig: &StepRig<'_>) -> CheckResult {
    let mut world = ServiceWorld::before(rig, Phase::Run).await?;
    let saga = world.sagas[0];
    for event in rig.done()?(saga).iter().rev() {
        world.publish_one(saga, event);
        world.until_idle().await?;
    }
    same(&snapshot(&mut world).await?, &rig.expected.done)
}

/// A join needs each of its events, however often one of them comes.
async fn one_twice(rig: &StepRig<'_>) -> CheckResult {
    for missing in 0..rig.part.on.len() {
        let mut world = ServiceWorld::before(rig, Phase::Run).await?;
        let saga = world.sagas[0];
        let events = rig.done()?(saga);
        let others = || events.iter().enumerate().filter(|(at, _)| *at != missing);
        for (_, event) in others().chain(others()) {
            world.publish_one(saga, event);
            world.until_idle().await?;
        }
        let mut left = snapshot(&mut world).await?;
        left.ledger.retain(|line| !line.ends_with(" arrived"));
        same(&left, &rig.expected.before)?;
    }
    Ok(())
}
