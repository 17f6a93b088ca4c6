//! Many messages in one batch must leave the same as one by one.
//!
//! A bulk step gets them in runs, and must give each message its own outcome.

use std::collections::VecDeque;

use crate::suite::checks::check::{StepCheck, check};
use crate::suite::rig::case::PublishedEvent;
use crate::suite::rig::check_result::CheckResult;
use crate::suite::rig::observe::snapshot;
use crate::suite::rig::snapshot::{RunSnapshot, same};
use crate::suite::rig::step_rig::StepRig;
use crate::suite::rig::world::{SentMessage, ServiceWorld};

const EACH: usize = 3;
/// Above the number of messages, so that all fit.
const PREFETCH: u16 = 1_000;

pub(crate) fn checks() -> Vec<StepCheck> {
    vec![check!("many at once, as one by one", as_one_by_one)]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SagaEnding {
    Done,
    Refused,
    /// The abort comes first.
    Aborted,
    /// The step is done, then aborted.
    Compensated,
}

enum NextMessage {
    New(PublishedEvent),
    /// A copy of its first message.
    Again,
}

async fn as_one_by_one(rig: &StepRig<'_>) -> CheckResult {
    let expected = snapshot_of_batches(rig, Some(1)).await?;
    same(&snapshot_of_batches(rig, None).await?, &expected)
}

/// The second batch aborts sagas. `size` limits the transactions.
async fn snapshot_of_batches(rig: &StepRig<'_>, size: Option<u16>) -> CheckResult<RunSnapshot> {
    let mut endings = vec![SagaEnding::Done; EACH];
    if rig.part.refused.is_some() {
        endings.extend([SagaEnding::Refused; EACH]);
    }
    if rig.part.kind.can_be_compensated() {
        endings.extend([SagaEnding::Aborted; EACH]);
        endings.extend([SagaEnding::Compensated; EACH]);
    }
    let mut world = ServiceWorld::empty(rig, endings.len()).await?;
    if let Some(size) = size {
        world.limits = Some((size, PREFETCH));
    }
    world.begin(|at| endings[at] == SagaEnding::Refused).await?;
    let mut seed = 1;
    for second in [false, true] {
        let mut queues = Vec::with_capacity(endings.len());
        for (at, ending) in endings.iter().enumerate() {
            queues.push(comes(rig, &world, at, *ending, second)?);
        }
        let held = world.hold_lanes().await?;
        publish_mixed(&world, queues, &mut seed);
        world.until_delivered().await?;
        held.release().await?;
        world.until_idle().await?;
    }
    snapshot(&mut world).await
}

fn comes(
    rig: &StepRig<'_>,
    world: &ServiceWorld<'_>,
    at: usize,
    ending: SagaEnding,
    second: bool,
) -> CheckResult<VecDeque<NextMessage>> {
    let saga = world.sagas[at];
    let triggers = |ending: SagaEnding| -> CheckResult<Vec<PublishedEvent>> {
        Ok(if ending == SagaEnding::Refused { rig.refused()?(saga) } else { rig.done()?(saga) })
    };
    let mut comes: Vec<PublishedEvent> = Vec::new();
    match (ending, second) {
        (SagaEnding::Aborted, false) | (SagaEnding::Compensated, true) => {
            comes.extend(rig.abort()?(saga));
        }
        (SagaEnding::Done | SagaEnding::Refused | SagaEnding::Compensated, _)
        | (SagaEnding::Aborted, true) => {}
    }
    comes.extend(triggers(ending)?);
    let mut comes: VecDeque<NextMessage> = comes.into_iter().map(NextMessage::New).collect();
    if at % 2 == 1 {
        comes.push_back(NextMessage::Again);
    }
    Ok(comes)
}

/// Publishes mixed, but with each saga's messages in order.
fn publish_mixed(world: &ServiceWorld<'_>, mut queues: Vec<VecDeque<NextMessage>>, seed: &mut u64) {
    let mut first: Vec<Option<SentMessage>> = vec![None; queues.len()];
    loop {
        let left: Vec<usize> = (0..queues.len()).filter(|at| !queues[*at].is_empty()).collect();
        if left.is_empty() {
            return;
        }
        let at = left[next(seed) % left.len()];
        match queues[at].pop_front() {
            Some(NextMessage::New(event)) => {
                let sent = world.publish_one(world.sagas[at], &event);
                first[at].get_or_insert(sent);
            }
            Some(NextMessage::Again) => world.publish_again(first[at].as_slice()),
            None => {}
        }
    }
}

/// Draws the same sequence always, with Knuth's constants for MMIX.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap_or_default()
}
