//! Messages that come once or more than once.

use serde_json::json;

use crate::participant::rig::verdict::SagaEnd;
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld};
use crate::participant::scenarios::deaths::SLOW;
use ballet_stage::Link;

/// One message comes, and one with a field that this version of the program does not know.
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

/// The same message comes several times, also after it was handled. Then the same event comes under another id, as from
/// a tool that has lost the first id.
pub(crate) async fn twice(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let saga = world.saga(SagaEnd::Done);
    let ids = world.trigger(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.is_done(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.trigger(saga).await?;
    world.ends().await
}

/// Two processes get copies at the same time.
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
