//! Dead letters that the broker does not take.

use ballet::core::Reason;
use ballet::core::topology::{DEAD, dead_queue};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::participant::rig::letters;
use crate::participant::rig::message::properties;
use crate::participant::rig::record::Record;
use crate::participant::rig::verdict::End;
use crate::participant::rig::world::{World, Wrong, said};

const BROKEN: &str = "{\"broken\":";
/// A program may have taken some before it notices that it is refused.
const MANY: usize = 5;

/// The queue of dead letters is full, so none is confirmed. The process is killed once it has tried. When there is
/// room again, each message has to be a dead letter: none was acknowledged before. Copies are allowed.
pub(crate) async fn dead_letters(mut world: World<'_>) -> Result<(), Wrong> {
    world.start().await?;
    let tried = Record::begin(&world.env, "tried", &[(DEAD, "#")]).await.map_err(said)?;
    let filling = fill(&world).await?;
    let (service, trigger) = (world.contract.part.service, world.trigger_type());
    let (mut poison, mut ends) = (Vec::<Uuid>::new(), Vec::new());
    for _ in 0..MANY {
        let (saga, id) = (World::new_id(), World::new_id());
        let properties = properties(trigger, saga, id);
        world.publish("amq.default", service, &properties, BROKEN).await?;
        poison.push(id);
        ends.push((saga, End::Never));
    }
    world
        .until("the program to publish a dead letter", || async {
            let copies = tried.read(&world.env).await.map_err(said)?;
            Ok((!copies.is_empty()).then_some(()))
        })
        .await?;
    world.kill().await;
    let policy = ["policies", world.env.vhost(), "full"];
    world.env.management().call(Method::DELETE, &policy, None).await.map_err(said)?;
    world.start_again().await?;
    world
        .patiently("the dead letters", || async {
            let found = world.dead_letters().await?;
            for id in &poison {
                letters::check(&found, &json!(id), Reason::NotJson, BROKEN)?;
            }
            Ok(Some(()))
        })
        .await?;
    world.is_quiet().await?;
    let all = world.some_dead_letters(filling + MANY).await?.len();
    world.ends_with(&ends, all).await
}

/// Fills the queue of dead letters until it takes no more; with how many.
async fn fill(world: &World<'_>) -> Result<usize, Wrong> {
    let (management, dead) = (world.env.management(), dead_queue(world.contract.part.service));
    let full = json!({ "pattern": format!("^{}$", dead.replace('.', "\\.")), "apply-to": "queues",
        "priority": 9, "definition": { "max-length": 1, "overflow": "reject-publish" } });
    let policy = ["policies", world.env.vhost(), "full"];
    management.call(Method::PUT, &policy, Some(&full)).await.map_err(said)?;
    world
        .until("a full queue", || async {
            match management.publish("amq.default", &dead, &json!({}), "no dead letter").await {
                Err(refused) if refused.to_string().contains("Check queue limits") => Ok(Some(())),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    Ok(world.dead_letters().await?.len())
}
