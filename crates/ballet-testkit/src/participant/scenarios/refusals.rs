//! A step that refuses.

use crate::participant::rig::verdict::End;
use crate::participant::rig::world::{World, Wrong};

/// The refusal is published once, leaves nothing, and is nothing to compensate. The saga is not tried again.
pub(crate) async fn refused(mut world: World<'_>) -> Result<(), Wrong> {
    world.start().await?;
    let (refused, done) = (World::new_id(), World::new_id());
    let ids = world.trigger_refused(refused, None).await?;
    world.trigger(done).await?;
    world.becomes(refused, End::Refused).await?;
    world.trigger_refused(refused, Some(&ids)).await?;
    world.trigger_refused(refused, None).await?;
    world.is_quiet().await?;
    world.abort(refused).await?;
    world.trigger(refused).await?;
    world.ends(&[(refused, End::Refused), (done, End::Done)]).await
}
