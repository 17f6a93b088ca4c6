//! Messages that come in packs.

use ballet::core::Reason;
use ballet_stage::Link;
use serde_json::json;
use uuid::Uuid;

use crate::participant::rig::verdict::{SagaEnd, check_letter};
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld};
use crate::participant::scenarios::deaths::SLOW;

const MEMBERS: usize = 8;

pub(crate) async fn packed(mut world: ScenarioWorld<'_>) -> ScenarioResult<()> {
    let (never, poison) = (world.saga(SagaEnd::Never), ScenarioWorld::new_id());
    let sagas: Vec<Uuid> = (0..MEMBERS).map(|_| world.saga(SagaEnd::Done)).collect();
    world.database.set(Link::Slow(SLOW));
    let mut packs = Vec::new();
    for event in world.types.triggers.clone() {
        let member =
            |saga: &Uuid| (*saga, ScenarioWorld::new_id(), world.contract.body(event, *saga));
        let mut members: Vec<_> = sagas.iter().map(member).collect();
        members.extend(members.first().cloned());
        packs.push((event, members.clone()));
        if event == world.trigger_type() {
            members.insert(1, (never, poison, json!([1])));
        }
        world.send_pack(event, &members).await?;
    }
    world.is_done(sagas[0]).await?;
    world.kill().await;
    world.database.set(Link::Open);
    world.start_again().await?;
    for (event, members) in &packs {
        world.send_pack(*event, members).await?;
    }
    for saga in &sagas {
        world.is_done(*saga).await?;
    }
    // A process that died between the copy and the acknowledgement sets it aside again.
    let letters = world.some_dead_letters(1).await?;
    check_letter(&letters, &json!(poison), Reason::WrongShape, "[1]")?;
    world.is_quiet().await?;
    let all = world.dead_letters().await?.len();
    world.ends_with(all).await
}
