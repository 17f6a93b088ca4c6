//! A step that calls a provider.

use uuid::Uuid;

use crate::participant::rig::provider::{Mood, Provider};
use crate::participant::rig::verdict::End;
use crate::participant::rig::world::{World, Wrong};

/// The provider is unavailable, its answer is lost, and the process is killed while it waits. The program asks again
/// under the same key until it knows the answer.
pub(crate) async fn unknown(mut world: World<'_>) -> Result<(), Wrong> {
    let provider = world.provider()?;
    for mood in [Mood::Away, Mood::Loses, Mood::Silent] {
        let saga = out(&mut world, &provider, mood, End::Done).await?;
        if mood == Mood::Silent {
            world.kill().await;
        }
        provider.set(Mood::Answers);
        if mood == Mood::Silent {
            world.start_again().await?;
        }
        world.is_done(saga).await?;
    }
    world.ends().await
}

/// The saga is aborted during the call. The provider's effect is undone, even by a new process.
pub(crate) async fn aborted(mut world: World<'_>) -> Result<(), Wrong> {
    let provider = world.provider()?;
    let waited = out(&mut world, &provider, Mood::Waits, End::Aborted).await?;
    world.abort(waited).await?;
    provider.set(Mood::Answers);
    world.becomes(waited, End::Aborted).await?;
    let killed = out(&mut world, &provider, Mood::Silent, End::Aborted).await?;
    world.abort(killed).await?;
    world.kill().await;
    provider.set(Mood::Answers);
    world.start_again().await?;
    world.ends().await
}

/// Starts a saga whose call waits for a provider in this mode.
async fn out(
    world: &mut World<'_>,
    provider: &Provider,
    mood: Mood,
    end: End,
) -> Result<Uuid, Wrong> {
    provider.set(mood);
    let saga = world.saga(end);
    world.trigger(saga).await?;
    let asked = world
        .until("the provider to be asked", || async { Ok(provider.was_asked(saga).then_some(())) });
    asked.await?;
    Ok(saga)
}
