//! Messages that come once or more than once.

use serde_json::json;

use crate::participant::rig::verdict::SagaEnd;
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld};
use crate::participant::scenarios::deaths::SLOW;
use ballet_stage::Link;

pub(crate) async fn once(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let (plain, extended) = (world.saga(SagaEnd::Done), world.saga(SagaEnd::Done));
    world.trigger(plain).await?;
    for event in world.types.triggers.clone() {
        let mut body = world.contract.body(event, extended);
        body["a_field_of_a_later_version"] = json!({ "with": ["content"] });
        world.send(event, extended, ScenarioWorld::new_id(), &body).await?;
    }
    world.ends().await
}

/// The other id is as from a tool that has lost the first one.
pub(crate) async fn twice(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let saga = world.saga(SagaEnd::Done);
    let ids = world.trigger(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.is_done(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.trigger(saga).await?;
    world.ends().await
}

pub(crate) async fn two_processes(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    world.start().await?;
    world.database.set(Link::Slow(SLOW));
    for _ in 0..20 {
        let saga = world.saga(SagaEnd::Done);
        let ids = world.trigger(saga).await?;
        world.trigger(saga).await?;
        world.trigger_as(saga, &ids).await?;
    }
    world.ends().await
}
