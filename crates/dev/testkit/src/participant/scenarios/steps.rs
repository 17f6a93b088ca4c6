//! A step that refuses, a join, and a step that fails for a while although both servers work.

use ballet::core::topology::RETRIES;
use reqwest::Method;
use serde_json::json;

use crate::participant::rig::record::MessageRecord;
use crate::participant::rig::verdict::SagaEnd;
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld, to_failure};

/// In milliseconds. The trouble ends during the first delay, or soon after.
const WAITS: u32 = 3_000;

/// A refusal leaves no effect, needs no compensation, and is not tried again.
pub(crate) async fn refused(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let (refused, done) = (world.saga(SagaEnd::Refused), world.saga(SagaEnd::Done));
    let ids = world.trigger_refused(refused, None).await?;
    world.trigger(done).await?;
    world.becomes(refused, SagaEnd::Refused).await?;
    world.trigger_refused(refused, Some(&ids)).await?;
    world.trigger_refused(refused, None).await?;
    world.is_quiet().await?;
    world.abort(refused).await?;
    world.trigger(refused).await?;
    world.ends().await
}

/// The join runs in any order and with any copies, but not without one of its events, or when one comes after the
/// abort.
pub(crate) async fn join(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let (backwards, again) = (world.saga(SagaEnd::Done), world.saga(SagaEnd::Done));
    let (aborted, waiting) = (world.saga(SagaEnd::Never), world.saga(SagaEnd::Never));
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
    world.ends().await
}

/// The message waits in a retry queue, and does not become a dead letter.
pub(crate) async fn later(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let trouble = world.contract.trouble.as_ref().ok_or("the contract names no `trouble`")?;
    let policy = json!({ "pattern": r"^retry\.", "apply-to": "queues", "priority": 10,
        "definition": { "message-ttl": WAITS } });
    let path = ["policies", world.env.vhost(), "slower-retries"];
    world.env.management().call(Method::PUT, &path, Some(&policy)).await.map_err(to_failure)?;
    let retries = RETRIES.map(|(retry, _)| (retry, "#"));
    let waited = MessageRecord::begin(&world.env, "waited", &retries).await.map_err(to_failure)?;
    let (before, saga) = (world.saga(SagaEnd::Done), world.saga(SagaEnd::Done));
    world.trigger(before).await?;
    world.is_done(before).await?;
    world.execute(&trouble.begin).await?;
    let ids = world.trigger(saga).await?;
    world
        .patiently("a copy in a retry queue", || async {
            let copies = waited.read(&world.env).await.map_err(to_failure)?;
            let id = |copy: &str| ids.iter().any(|id| copy.parse() == Ok(*id));
            Ok(copies.iter().any(|copy| id(copy.property("message_id"))).then_some(()))
        })
        .await?;
    world.execute(&trouble.end).await?;
    world.ends().await
}
