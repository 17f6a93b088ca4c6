//! Servers that become unavailable and return.

use crate::participant::rig::verdict::SagaEnd;
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld};
use crate::participant::scenarios::deaths::{ROUNDS, SLOW, in_hand, load};
use ballet_stage::Link;

const ATTEMPTS: u64 = 3;

pub(crate) async fn connections(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    world.database.set(Link::Slow(SLOW));
    for round in 0..3 {
        load(&mut world).await?;
        if round != 1 {
            world.amqp.cut();
        }
        if round != 0 {
            world.database.cut();
        }
    }
    world.database.set(Link::Open);
    world.ends().await
}

/// None of the messages counts as a failure.
pub(crate) async fn database(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    for _ in 0..ROUNDS {
        // An idle program may notice the lost connection, and then take no message.
        let in_its_hands = world.saga(SagaEnd::Done);
        in_hand(&mut world, in_its_hands).await?;
        let wanted = world.database.refused() + ATTEMPTS;
        world.database.set(Link::Refused);
        for _ in 0..3 {
            let saga = world.saga(SagaEnd::Done);
            world.trigger(saga).await?;
        }
        world
            .until("the program to look for its database", || async {
                let refused = world.database.refused();
                if refused >= wanted { Ok(Some(())) } else { Err(format!("{refused} of {wanted}")) }
            })
            .await?;
        world.database.set(Link::Open);
        world.is_done(in_its_hands).await?;
    }
    world.ends().await
}
