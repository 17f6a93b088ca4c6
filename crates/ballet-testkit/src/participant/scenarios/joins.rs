//! A step that waits for several events.

use crate::participant::rig::verdict::End;
use crate::participant::rig::world::{World, Wrong};

/// It runs once, with all of them, in whatever order and however often they come; and not when one of them comes
/// after the abort, or does not come.
pub(crate) async fn join(mut world: World<'_>) -> Result<(), Wrong> {
    world.start().await?;
    let new = World::new_id;
    let (backwards, again, aborted, waiting) = (new(), new(), new(), new());
    let mut events = world.types.triggers.clone();
    let first = events[0];
    for event in events.iter().rev() {
        world.send_event(*event, backwards).await?;
    }
    for event in [first, first].iter().chain(&events) {
        world.send_event(*event, again).await?;
    }
    world.send_event(first, waiting).await?;
    world.send_event(first, aborted).await?;
    world.is_quiet().await?;
    world.abort(aborted).await?;
    world.is_quiet().await?;
    for event in events.split_off(1) {
        world.send_event(event, aborted).await?;
    }
    let ends =
        [(backwards, End::Done), (again, End::Done), (aborted, End::Never), (waiting, End::Never)];
    world.ends(&ends).await
}
