//! Messages that come as they should, or more than once.

use serde_json::json;

use crate::participant::rig::verdict::End;
use crate::participant::rig::world::{World, Wrong};
use crate::participant::scenarios::deaths::SLOW;
use ballet_stage::Link;

/// One message, and one with a field that this version of the program does not know.
pub(crate) async fn once(mut world: World<'_>) -> Result<(), Wrong> {
    let (plain, extended) = (World::new_id(), World::new_id());
    world.trigger(plain).await?;
    for event in world.types.triggers.clone() {
        let mut body = world.contract.body(event, extended);
        body["a_field_of_a_later_version"] = json!({ "with": ["content"] });
        world.send(event, extended, World::new_id(), &body).await?;
    }
    world.ends(&[(plain, End::Done), (extended, End::Done)]).await
}

/// The same message several times, also after it was handled.
pub(crate) async fn twice(mut world: World<'_>) -> Result<(), Wrong> {
    let saga = World::new_id();
    let ids = world.trigger(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.is_done(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.ends(&[(saga, End::Done)]).await
}

/// The same event under another message id, as a tool sends it that has lost the first one.
pub(crate) async fn under_another_id(mut world: World<'_>) -> Result<(), Wrong> {
    let saga = World::new_id();
    world.trigger(saga).await?;
    world.is_done(saga).await?;
    world.trigger(saga).await?;
    world.ends(&[(saga, End::Done)]).await
}

/// Copies that two processes get at the same time.
pub(crate) async fn two_processes(mut world: World<'_>) -> Result<(), Wrong> {
    world.start().await?;
    world.database.set(Link::Slow(SLOW));
    let mut ends = Vec::new();
    for _ in 0..20 {
        let saga = World::new_id();
        let ids = world.trigger(saga).await?;
        world.trigger(saga).await?;
        world.trigger_as(saga, &ids).await?;
        ends.push((saga, End::Done));
    }
    world.ends(&ends).await
}
