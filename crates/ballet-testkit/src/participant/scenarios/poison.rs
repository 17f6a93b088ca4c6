//! Messages that cannot be handled, between others that can.

use ballet::core::Reason;
use serde_json::{Value, json};

use crate::participant::rig::letters;
use crate::participant::rig::message::properties;
use crate::participant::rig::verdict::End;
use crate::participant::rig::world::{World, Wrong};

/// Each becomes one dead letter with the reason, and holds up nobody.
pub(crate) async fn poison(mut world: World<'_>) -> Result<(), Wrong> {
    world.start().await?;
    let (service, trigger) = (world.contract.part.service, world.trigger_type());
    let (first, last) = (World::new_id(), World::new_id());
    world.trigger(first).await?;
    let saga = World::new_id();
    let good = world.contract.body(trigger, saga).to_string();
    let of = |change: fn(&mut Value)| {
        let mut properties = properties(trigger, saga, World::new_id());
        change(&mut properties);
        properties
    };
    let poison = [
        (Reason::NotJson, of(|_| ()), "{\"broken\":".to_owned()),
        (Reason::WrongShape, of(|_| ()), "{\"another\": \"event\"}".to_owned()),
        (Reason::WrongShape, of(|_| ()), "[1]".to_owned()),
        (Reason::UnknownType, of(|of| of["type"] = json!("nobody.knows_this.v1")), good.clone()),
        (Reason::NoCorrelationId, of(|of| remove(of, "correlation_id")), good.clone()),
        (Reason::WrongCorrelationId, of(|of| of["correlation_id"] = json!("x")), good.clone()),
        (Reason::ForgedAppId, of(|of| of["app_id"] = json!("nobody")), good.clone()),
        (Reason::WrongContentType, of(|of| of["content_type"] = json!("text/html")), good),
    ];
    for (_, properties, body) in &poison {
        // The default exchange, as an operator sends it: no type is checked on the way.
        world.publish("amq.default", service, properties, body).await?;
    }
    world.trigger(last).await?;
    world.becomes(last, End::Done).await?;
    let found = world.some_dead_letters(poison.len()).await?;
    for (reason, properties, body) in &poison {
        letters::check(&found, &properties["message_id"], *reason, body)?;
    }
    let ends = [(first, End::Done), (saga, End::Never), (last, End::Done)];
    world.ends_with(&ends, poison.len()).await
}

fn remove(properties: &mut Value, name: &str) {
    if let Some(properties) = properties.as_object_mut() {
        properties.remove(name);
    }
}
