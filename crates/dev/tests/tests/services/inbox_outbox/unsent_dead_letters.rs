//! Dead letters that the broker does not take. An original is settled only when its copy is published.

use std::time::Duration;

use ballet_amqp::Publish;
use ballet_testkit::memory::until;
use tokio::time::sleep;

use crate::inbox_outbox::notes::{Notes, TABLES, renamed};
use crate::inbox_outbox::stage::OutboxStage;

const MANY: usize = 1_000_000;

/// A note that fails for good. The message waits for it.
async fn about_to_fail(name: &str) -> (Notes, OutboxStage, ballet::Running) {
    let notes = Notes::held();
    let _ = notes.trouble.clone().times(1000);
    let stage = OutboxStage::new(name, &[notes.guide()]).await;
    let running = stage.start(notes.guide(), TABLES).await;
    stage.put(&stage.new_id(), None, &renamed("Broken"));
    until("the handler", || notes.entered(), 1).await;
    (notes, stage, running)
}

async fn until_dead(stage: &OutboxStage, count: usize) -> Vec<Publish> {
    until("the dead letters", || stage.broker.ready("guide.dead").len(), count).await;
    stage.broker.ready("guide.dead")
}

#[tokio::test]
async fn an_original_stays_until_its_copy_is_published() {
    let (notes, stage, _running) = about_to_fail("neither_nor").await;
    stage.broker.nack(MANY);
    notes.let_go();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.broker.unacked("guide"), 1, "settled, and its copy is nowhere");
    stage.broker.nack(0);
    let dead = until_dead(&stage, 1).await;
    assert_eq!(dead[0].properties.delivery_mode(), &Some(2));
    stage.until_settled("guide").await;
}
