//! A step that fails for a while, although both servers work.

use ballet::core::topology::RETRIES;
use reqwest::Method;
use serde_json::json;

use crate::participant::rig::record::Record;
use crate::participant::rig::verdict::End;
use crate::participant::rig::world::{World, Wrong, said};

/// How long a copy waits, in milliseconds. The trouble ends while it waits for the first time, or soon after.
const WAITS: u32 = 3_000;

/// The message waits in a retry queue, and is handled when the trouble is over. It is no dead letter.
pub(crate) async fn later(mut world: World<'_>) -> Result<(), Wrong> {
    let trouble = world.contract.trouble.as_ref().ok_or("the contract names no `trouble`")?;
    world.start().await?;
    let policy = json!({ "pattern": r"^retry\.", "apply-to": "queues", "priority": 10,
        "definition": { "message-ttl": WAITS } });
    let path = ["policies", world.env.vhost(), "slower-retries"];
    world.env.management().call(Method::PUT, &path, Some(&policy)).await.map_err(said)?;
    let retries = RETRIES.map(|(retry, _)| (retry, "#"));
    let waited = Record::begin(&world.env, "waited", &retries).await.map_err(said)?;
    let (before, saga) = (World::new_id(), World::new_id());
    world.trigger(before).await?;
    world.is_done(before).await?;
    world.execute(&trouble.begin).await?;
    let ids = world.trigger(saga).await?;
    world
        .patiently("a copy in a retry queue", || async {
            let copies = waited.read(&world.env).await.map_err(said)?;
            let id = |copy: &str| ids.iter().any(|id| copy.parse() == Ok(*id));
            Ok(copies.iter().any(|copy| id(copy.property("message_id"))).then_some(()))
        })
        .await?;
    world.execute(&trouble.end).await?;
    world.ends(&[(before, End::Done), (saga, End::Done)]).await
}
