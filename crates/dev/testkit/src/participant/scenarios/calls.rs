//! A step that calls a provider.

use uuid::Uuid;

use crate::participant::rig::provider::{ProviderMode, TestProvider};
use crate::participant::rig::verdict::SagaEnd;
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld};

/// The program asks again under the same key until it knows the answer.
pub(crate) async fn unknown(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let provider = world.provider()?;
    for mode in [ProviderMode::Away, ProviderMode::Loses, ProviderMode::Silent] {
        let saga = call_in_progress(&mut world, &provider, mode, SagaEnd::Done).await?;
        if mode == ProviderMode::Silent {
            world.kill().await;
        }
        provider.set(ProviderMode::Answers);
        if mode == ProviderMode::Silent {
            world.start_again().await?;
        }
        world.is_done(saga).await?;
    }
    world.ends().await
}

/// Even a new process undoes the provider's effect.
pub(crate) async fn aborted(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let provider = world.provider()?;
    let waited =
        call_in_progress(&mut world, &provider, ProviderMode::Waits, SagaEnd::Aborted).await?;
    world.abort(waited).await?;
    provider.set(ProviderMode::Answers);
    world.becomes(waited, SagaEnd::Aborted).await?;
    let killed =
        call_in_progress(&mut world, &provider, ProviderMode::Silent, SagaEnd::Aborted).await?;
    world.abort(killed).await?;
    world.kill().await;
    provider.set(ProviderMode::Answers);
    world.start_again().await?;
    world.ends().await
}

async fn call_in_progress(
    world: &mut ScenarioWorld<'_>,
    provider: &TestProvider,
    mode: ProviderMode,
    end: SagaEnd,
) -> ScenarioResult<Uuid> {
    provider.set(mode);
    let saga = world.saga(end);
    world.trigger(saga).await?;
    let asked = world
        .until("the provider to be asked", || async { Ok(provider.was_asked(saga).then_some(())) });
    asked.await?;
    Ok(saga)
}
