//! A step that calls another company.

use uuid::Uuid;

use crate::participant::rig::provider::{Mood, Provider};
use crate::participant::rig::verdict::End;
use crate::participant::rig::world::{World, Wrong};

/// The provider is away, its answer is lost, and the process is killed while it waits for one. It is asked again
/// under the same key until its answer is known.
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

/// The saga is aborted while the call is out. What the provider did is taken back, also by the next process.
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

/// A saga whose call is out, at a provider in this mood.
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
