//! Sagas that are aborted: after the step, before it, again, and at the same moment.

use crate::participant::rig::verdict::End;
use crate::participant::rig::world::{World, Wrong};
use crate::participant::scenarios::deaths::SLOW;
use ballet_stage::Link;

/// The step is done, then the saga is aborted.
pub(crate) async fn after(mut world: World<'_>) -> Result<(), Wrong> {
    let (aborted, other) = (World::new_id(), World::new_id());
    for saga in [aborted, other] {
        world.trigger(saga).await?;
        world.is_done(saga).await?;
    }
    world.abort(aborted).await?;
    world.ends(&[(aborted, End::Undone), (other, End::Done)]).await
}

/// The abort overtakes the event that triggers the step.
pub(crate) async fn before(mut world: World<'_>) -> Result<(), Wrong> {
    let saga = World::new_id();
    world.abort(saga).await?;
    world.is_quiet().await?;
    let ids = world.trigger(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.trigger(saga).await?;
    world.ends(&[(saga, End::Never)]).await
}

/// The abort comes several times, under the same id and under others.
pub(crate) async fn twice(mut world: World<'_>) -> Result<(), Wrong> {
    let saga = World::new_id();
    world.trigger(saga).await?;
    world.is_done(saga).await?;
    let id = world.abort(saga).await?;
    world.abort_as(saga, id).await?;
    world.becomes(saga, End::Undone).await?;
    world.abort(saga).await?;
    world.ends(&[(saga, End::Undone)]).await
}

/// The event that triggers the step comes again, after the step was undone.
pub(crate) async fn then_again(mut world: World<'_>) -> Result<(), Wrong> {
    let saga = World::new_id();
    let ids = world.trigger(saga).await?;
    world.is_done(saga).await?;
    world.abort(saga).await?;
    world.becomes(saga, End::Undone).await?;
    world.trigger_as(saga, &ids).await?;
    world.trigger(saga).await?;
    world.ends(&[(saga, End::Undone)]).await
}

/// Two processes get the event and the abort at the same time.
pub(crate) async fn meanwhile(mut world: World<'_>) -> Result<(), Wrong> {
    world.start().await?;
    world.database.set(Link::Slow(SLOW));
    let mut ends = Vec::new();
    for number in 0..20 {
        let saga = World::new_id();
        if number % 2 == 0 {
            world.trigger(saga).await?;
            world.abort(saga).await?;
        } else {
            world.abort(saga).await?;
            world.trigger(saga).await?;
        }
        ends.push((saga, End::Aborted));
    }
    world.is_quiet().await?;
    world.ends(&ends).await
}
