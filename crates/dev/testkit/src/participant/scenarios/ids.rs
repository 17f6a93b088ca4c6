//! Ids of messages and sagas: one that comes again, and those that cannot be remembered.

use ballet::Clock;
use ballet::core::Reason;
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use crate::participant::rig::verdict::{SagaEnd, check_letter};
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld};

/// An id stands for one message, so the second one has no effect.
pub(crate) async fn reused(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let (first, second) = (world.saga(SagaEnd::Done), world.saga(SagaEnd::Never));
    let ids = world.trigger(first).await?;
    world.is_done(first).await?;
    world.trigger_as(second, &ids).await?;
    let last = world.saga(SagaEnd::Done);
    world.trigger(last).await?;
    world.ends().await
}

/// A message older than the inbox, one of a saga older than the ledger, and one from the future become dead letters.
/// The program cannot know whether they were handled.
pub(crate) async fn old(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let days = |days: i64| id_of(SignedDuration::from_hours(24 * days));
    let wrong = [
        (Reason::TooOldToDeduplicate, ScenarioWorld::new_id(), days(-8)),
        // A saga is kept for at least 90 days; the ledger may drop whole weeks.
        (Reason::SagaTooOld, days(-104), ScenarioWorld::new_id()),
        (Reason::ClockAhead, ScenarioWorld::new_id(), id_of(SignedDuration::from_hours(1))),
    ];
    let trigger = world.trigger_type();
    for (_, saga, id) in &wrong {
        let body = world.contract.body(trigger, *saga);
        world.send(trigger, *saga, *id, &body).await?;
        world.expects(*saga, SagaEnd::Never);
    }
    let last = world.saga(SagaEnd::Done);
    world.trigger(last).await?;
    let found = world.some_dead_letters(wrong.len()).await?;
    for (reason, saga, id) in &wrong {
        let body = world.contract.body(trigger, *saga).to_string();
        check_letter(&found, &json!(id), *reason, &body)?;
    }
    world.ends_with(wrong.len()).await
}

fn id_of(from_now: SignedDuration) -> Uuid {
    let clock = Clock::system();
    clock.new_id(clock.now() + from_now)
}
