//! Processes that die at critical moments.

use std::time::Duration;

use uuid::Uuid;

use crate::participant::rig::verdict::SagaEnd;
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld};
use ballet::Clock;
use ballet_stage::Link;

/// Rounds of a race, because a program may have contacted a server in between.
pub(super) const ROUNDS: u32 = 2;
const APART: Duration = Duration::from_millis(400);
/// Each statement takes long enough for two processes to meet in their transactions.
pub(super) const SLOW: Duration = Duration::from_millis(15);
/// A delay that is longer than a look at the effect of an event.
const VERY_SLOW: Duration = Duration::from_millis(400);

pub(crate) async fn after_the_commit(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    for moment in 0..ROUNDS {
        let saga = world.saga(SagaEnd::Done);
        in_hand(&mut world, saga).await?;
        world.amqp.set(Link::Silent);
        world.database.set(Link::Open);
        committed(&world, saga).await?;
        // The program may be about to remove the event from its outbox.
        tokio::time::sleep(APART * moment).await;
        world.kill().await;
        world.amqp.set(Link::Open);
        world.start_again().await?;
    }
    world.ends().await
}

pub(crate) async fn not_before_the_commit(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    world.database.set(Link::Slow(VERY_SLOW));
    for _ in 0..ROUNDS {
        let saga = world.saga(SagaEnd::Done);
        world.trigger(saga).await?;
        let effect = world
            .until("an event", || async {
                let seen = world.seen().await?;
                match seen.iter().any(|event| event.is_of(saga)) {
                    true => world.effect(saga).await.map(Some),
                    false => Ok(None),
                }
            })
            .await?;
        if effect != world.contract.effect_when_done {
            return Err(format!(
                "the event is published before its effect is committed: the effect is {effect}"
            ));
        }
    }
    world.database.set(Link::Open);
    world.ends().await
}

pub(crate) async fn under_load(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    world.database.set(Link::Slow(SLOW));
    for _ in 0..3 {
        load(&mut world).await?;
        world.kill().await;
        world.start_again().await?;
    }
    world.database.set(Link::Open);
    world.ends().await
}

/// Waits until a random part of the new sagas is handled.
pub(crate) async fn load(world: &mut ScenarioWorld<'_>) -> ScenarioResult<()> {
    let before = world.surely_seen().await?.len();
    for number in 0..8 {
        let kind = number % 4;
        let saga = world.saga(if kind < 2 { SagaEnd::Done } else { SagaEnd::Aborted });
        let ids = world.trigger(saga).await?;
        if kind == 1 {
            world.trigger_as(saga, &ids).await?;
        }
        if kind == 3 {
            world.trigger(saga).await?;
        }
        if kind >= 2 {
            world.abort(saga).await?;
        }
    }
    let random = Clock::system().now().subsec_microsecond();
    let wanted = before + usize::try_from(random % 4).unwrap_or_default();
    world
        .until("some of the messages to be handled", || async {
            let seen = world.seen().await?.len();
            if seen >= wanted { Ok(Some(())) } else { Err(format!("{seen} of {wanted} events")) }
        })
        .await
}

/// Blocks the database's link. Waits until the program holds the message and has sent a statement.
pub(super) async fn in_hand(world: &mut ScenarioWorld<'_>, saga: Uuid) -> ScenarioResult<()> {
    // From then on, the message that it holds is this one.
    world.is_quiet().await?;
    let held = world.database.held();
    // The answers to periodic queries must pass: a program that waits for one would send nothing else.
    world.database.set(Link::Mute);
    world.trigger(saga).await?;
    world.is_delivered().await?;
    world
        .until("the program to ask its database", || async {
            Ok((world.database.held() > held).then_some(()))
        })
        .await
}

async fn committed(world: &ScenarioWorld<'_>, saga: Uuid) -> ScenarioResult<()> {
    world
        .until("the effect to be committed", || async {
            let effect = world.effect(saga).await?;
            if effect == 0 { Err("there is none yet".to_owned()) } else { Ok(Some(())) }
        })
        .await
}
