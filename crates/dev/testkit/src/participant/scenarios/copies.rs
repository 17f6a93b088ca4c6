//! Messages that come more than once, alone and beside aborts.

use serde_json::json;

use crate::participant::rig::verdict::SagaEnd;
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld};
use crate::participant::scenarios::deaths::SLOW;
use ballet_stage::Link;

/// The other id is as from a tool that has lost the first one.
pub(crate) async fn twice(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let saga = world.saga(SagaEnd::Done);
    let ids = world.trigger(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.is_done(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.trigger(saga).await?;
    let extended = world.saga(SagaEnd::Done);
    for event in world.types.triggers.clone() {
        let mut body = world.contract.body(event, extended);
        body["a_field_of_a_later_version"] = json!({ "with": ["content"] });
        world.send(event, extended, ScenarioWorld::new_id(), &body).await?;
    }
    world.ends().await
}

pub(crate) async fn two_processes(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    world.start().await?;
    world.database.set(Link::Slow(SLOW));
    for number in 0..24 {
        match number % 3 {
            0 => {
                let saga = world.saga(SagaEnd::Done);
                let ids = world.trigger(saga).await?;
                world.trigger(saga).await?;
                world.trigger_as(saga, &ids).await?;
            }
            1 => {
                let saga = world.saga(SagaEnd::Aborted);
                world.trigger(saga).await?;
                world.abort(saga).await?;
            }
            _ => {
                let saga = world.saga(SagaEnd::Aborted);
                world.abort(saga).await?;
                world.trigger(saga).await?;
            }
        }
    }
    world.is_quiet().await?;
    world.ends().await
}
