//! Messages that cannot be handled: between others that can, and while the broker refuses dead letters.

use ballet::core::Reason;
use ballet::core::topology::{DEAD, dead_queue};
use reqwest::Method;
use serde_json::{Value, json};

use crate::participant::rig::message::properties;
use crate::participant::rig::record::MessageRecord;
use crate::participant::rig::verdict::{SagaEnd, check_letter};
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld, to_failure};

const BROKEN: &str = "{\"broken\":";
/// More than one, because a program may have acknowledged some before it notices the refusal.
const MANY: usize = 5;

/// Each becomes one dead letter with the reason, and delays no other.
pub(crate) async fn poison(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let (service, trigger) = (world.contract.part.service, world.trigger_type());
    let (first, last) = (world.saga(SagaEnd::Done), world.saga(SagaEnd::Done));
    world.trigger(first).await?;
    let saga = world.saga(SagaEnd::Never);
    let good = world.contract.body(trigger, saga).to_string();
    let of = |change: fn(&mut Value)| {
        let mut properties = properties(trigger, saga, ScenarioWorld::new_id());
        change(&mut properties);
        properties
    };
    let poison = [
        (Reason::NotJson, of(|_| ()), BROKEN.to_owned()),
        (Reason::WrongShape, of(|_| ()), "{\"another\": \"event\"}".to_owned()),
        (Reason::WrongShape, of(|_| ()), "[1]".to_owned()),
        (Reason::UnknownType, of(|of| of["type"] = json!("nobody.knows_this.v1")), good.clone()),
        (Reason::NoCorrelationId, of(|of| remove(of, "correlation_id")), good.clone()),
        (Reason::WrongCorrelationId, of(|of| of["correlation_id"] = json!("x")), good.clone()),
        (Reason::ForgedAppId, of(|of| of["app_id"] = json!("nobody")), good.clone()),
        (Reason::WrongContentType, of(|of| of["content_type"] = json!("text/html")), good),
    ];
    for (_, properties, body) in &poison {
        // The default exchange, as an operator would use: the type is not checked on the way.
        world.publish("amq.default", service, properties, body).await?;
    }
    world.trigger(last).await?;
    world.becomes(last, SagaEnd::Done).await?;
    let found = world.some_dead_letters(poison.len()).await?;
    for (reason, properties, body) in &poison {
        check_letter(&found, &properties["message_id"], *reason, body)?;
    }
    world.ends_with(poison.len()).await
}

fn remove(properties: &mut Value, name: &str) {
    if let Some(properties) = properties.as_object_mut() {
        properties.remove(name);
    }
}

/// The process is killed once a dead letter was refused. When the queue has room again, each message has to become a
/// dead letter, because none was acknowledged. Copies are allowed.
pub(crate) async fn dead_letters(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let tried =
        MessageRecord::begin(&world.env, "tried", &[(DEAD, "#")]).await.map_err(to_failure)?;
    let filling = fill(&world).await?;
    let (service, trigger) = (world.contract.part.service, world.trigger_type());
    let mut poison = Vec::new();
    for _ in 0..MANY {
        let (saga, id) = (world.saga(SagaEnd::Never), ScenarioWorld::new_id());
        let properties = properties(trigger, saga, id);
        world.publish("amq.default", service, &properties, BROKEN).await?;
        poison.push(id);
    }
    world
        .until("the program to publish a dead letter", || async {
            let copies = tried.read(&world.env).await.map_err(to_failure)?;
            Ok((!copies.is_empty()).then_some(()))
        })
        .await?;
    world.kill().await;
    let policy = ["policies", world.env.vhost(), "full"];
    world.env.management().call(Method::DELETE, &policy, None).await.map_err(to_failure)?;
    world.start_again().await?;
    world
        .patiently("the dead letters", || async {
            let found = world.dead_letters().await?;
            for id in &poison {
                check_letter(&found, &json!(id), Reason::NotJson, BROKEN)?;
            }
            Ok(Some(()))
        })
        .await?;
    world.is_quiet().await?;
    let all = world.some_dead_letters(filling + MANY).await?.len();
    world.ends_with(all).await
}

/// Returns how many the queue took.
async fn fill(world: &ScenarioWorld<'_>) -> ScenarioResult<usize> {
    let (management, dead) = (world.env.management(), dead_queue(world.contract.part.service));
    let full = json!({ "pattern": format!("^{}$", dead.replace('.', "\\.")), "apply-to": "queues",
        "priority": 9, "definition": { "max-length": 1, "overflow": "reject-publish" } });
    let policy = ["policies", world.env.vhost(), "full"];
    management.call(Method::PUT, &policy, Some(&full)).await.map_err(to_failure)?;
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
