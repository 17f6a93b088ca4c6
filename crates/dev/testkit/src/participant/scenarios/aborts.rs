//! Sagas that are aborted: after the step, before it, and twice.

use crate::participant::rig::verdict::SagaEnd;
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld};

pub(crate) async fn after(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let (aborted, other) = (world.saga(SagaEnd::Undone), world.saga(SagaEnd::Done));
    let ids = world.trigger(aborted).await?;
    world.trigger(other).await?;
    world.is_done(aborted).await?;
    world.is_done(other).await?;
    let id = world.abort(aborted).await?;
    world.abort_as(aborted, id).await?;
    world.becomes(aborted, SagaEnd::Undone).await?;
    world.abort(aborted).await?;
    world.trigger_as(aborted, &ids).await?;
    world.trigger(aborted).await?;
    world.ends().await
}

pub(crate) async fn before(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let saga = world.saga(SagaEnd::Never);
    world.abort(saga).await?;
    world.is_quiet().await?;
    let ids = world.trigger(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.trigger(saga).await?;
    world.ends().await
}
