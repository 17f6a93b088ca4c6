//! Dead letters that the broker does not take. An original is settled only when its copy is published or kept; a copy
//! is published once.

use ballet::Event;
use ballet_amqp::{BasicProperties, Publish};
use ballet_testkit::memory::until;

use crate::inbox_outbox::notes::{Notes, TABLES, renamed};
use crate::inbox_outbox::stage::{OutboxStage, execute};
use crate::inbox_outbox::trip::HotelRenamed;

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
async fn an_original_stays_until_its_copy_is_published_or_kept() {
    let (notes, stage, _running) = about_to_fail("neither_nor").await;
    let mut db = stage.connect("guide").await;
    let closed = "create sequence tried;
        create function closed() returns trigger language plpgsql as $$ begin
            perform nextval('tried'); raise exception 'closed'; end $$;
        create trigger closed before insert on ballet.unsent_copy
            for each row execute function closed()";
    execute(&mut db, closed).await;
    stage.broker.nack(MANY);
    notes.let_go();
    stage.until_count("guide", "tried where last_value >= 2", 1).await;
    assert_eq!(stage.broker.unacked("guide"), 1, "settled, and its copy is nowhere");
    stage.broker.nack(0);
    let dead = until_dead(&stage, 1).await;
    assert_eq!(dead[0].properties.delivery_mode(), &Some(2));
    stage.until_settled("guide").await;
}

#[tokio::test]
async fn t173_copies_during_an_alarm_of_the_broker_hold_up_no_other_message() {
    const UNREADABLE: usize = 20;
    let notes = Notes::default();
    let stage = OutboxStage::new("alarm", &[notes.guide()]).await;
    let running = stage.start_with(notes.guide(), TABLES, |settings| settings.prefetch = Some(4));
    let _running = running.await;
    stage.broker.block(true);
    for number in 0..UNREADABLE {
        stage.broker.put(&Publish {
            exchange: "events".to_owned(),
            routing_key: HotelRenamed::TYPE.name().to_owned(),
            mandatory: false,
            properties: BasicProperties::default().with_content_type("application/json".into()),
            body: format!("unreadable {number}").into(),
        });
    }
    stage.put(&stage.new_id(), None, &renamed("Ritz"));
    stage.until_count("guide", "note where name = 'Ritz'", 1).await;
    stage.until_settled("guide").await;
    stage.until_count("guide", "ballet.unsent_copy", 20).await;
    stage.broker.block(false);
    until_dead(&stage, UNREADABLE).await;
    stage.until_count("guide", "ballet.unsent_copy", 0).await;
    until_dead(&stage, UNREADABLE).await;
}

#[tokio::test]
async fn a_copy_that_is_made_again_after_a_crash_is_kept_once() {
    let (notes, stage, running) = about_to_fail("made_again").await;
    stage.broker.nack(MANY);
    stage.broker.lose_acks(true);
    notes.let_go();
    stage.until_count("guide", "ballet.unsent_copy", 1).await;
    stage.crash(running).await;
    stage.broker.lose_acks(false);
    let _next = stage.start(notes.guide(), TABLES).await;
    until("the handler again", || notes.entered(), 2).await;
    stage.until_settled("guide").await;
    assert_eq!(stage.count("guide", "ballet.unsent_copy").await, 1);
    stage.broker.nack(0);
    until_dead(&stage, 1).await;
    stage.until_count("guide", "ballet.unsent_copy", 0).await;
    until_dead(&stage, 1).await;
}
