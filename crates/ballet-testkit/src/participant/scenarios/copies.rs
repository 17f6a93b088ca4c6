//! Messages that come once or more than once.

use serde_json::json;

use crate::participant::rig::verdict::End;
use crate::participant::rig::world::{World, Wrong};
use crate::participant::scenarios::deaths::SLOW;
use ballet_stage::Link;

/// One message comes, and one with a field that this version of the program does not know.
pub(crate) async fn once(mut world: World<'_>) -> Result<(), Wrong> {
    let (plain, extended) = (world.saga(End::Done), world.saga(End::Done));
    world.trigger(plain).await?;
    for event in world.types.triggers.clone() {
        let mut body = world.contract.body(event, extended);
        body["a_field_of_a_later_version"] = json!({ "with": ["content"] });
        world.send(event, extended, World::new_id(), &body).await?;
    }
    world.ends().await
}

/// The same message comes several times, also after it was handled.
pub(crate) async fn twice(mut world: World<'_>) -> Result<(), Wrong> {
    let saga = world.saga(End::Done);
    let ids = world.trigger(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.is_done(saga).await?;
    world.trigger_as(saga, &ids).await?;
    world.ends().await
}

/// The same event comes under another message id, as from a tool that has lost the first id.
pub(crate) async fn under_another_id(mut world: World<'_>) -> Result<(), Wrong> {
    let saga = world.saga(End::Done);
    world.trigger(saga).await?;
    world.is_done(saga).await?;
    world.trigger(saga).await?;
    world.ends().await
}

/// Two processes get copies at the same time.
pub(crate) async fn two_processes(mut world: World<'_>) -> Result<(), Wrong> {
    world.start().await?;
    world.database.set(Link::Slow(SLOW));
    for _ in 0..20 {
        let saga = world.saga(End::Done);
        let ids = world.trigger(saga).await?;
        world.trigger(saga).await?;
        world.trigger_as(saga, &ids).await?;
    }
    world.ends().await
}
