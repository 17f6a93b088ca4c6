//! Copies of a message, in one batch and in the next, under ids of every kind.

use ballet_testkit::memory::until;

use crate::inbox_outbox::notes::{NotePrinted, Notes, TABLES, renamed};
use crate::inbox_outbox::stage::OutboxStage;

/// Two copies of each of three messages: with an id that has a time, with a text as id, and without one.
fn put_copies(stage: &OutboxStage, timed: &str) {
    for _ in 0..2 {
        stage.put(timed, None, &renamed("timed"));
        stage.put("note 17", None, &renamed("text"));
        stage.put("", None, &renamed("none"));
    }
}

#[tokio::test]
async fn t27_copies_in_one_batch_and_in_the_next_take_effect_once() {
    let notes = Notes::held();
    let stage = OutboxStage::new("copies", &[notes.guide()]).await;
    let one_lane = |settings: &mut ballet::Settings| settings.lanes = 1;
    let _running = stage.start_with(notes.guide(), TABLES, one_lane).await;
    stage.put(&stage.new_id(), None, &renamed("first"));
    until("the first is at work", || notes.entered(), 1).await;
    let timed = stage.new_id();
    put_copies(&stage, &timed);
    until("all are in hand", || stage.broker.unacked("guide"), 7).await;
    notes.let_go();
    stage.until_settled("guide").await;
    for batch in 1..=2 {
        let names = ["first", "none", "text", "timed"];
        let rows: Vec<(String,)> = sqlx::query_as("select name from note order by name")
            .fetch_all(&mut stage.connect("guide").await)
            .await
            .expect("rows");
        assert_eq!(rows.iter().map(|(name,)| name.as_str()).collect::<Vec<_>>(), names, "{batch}");
        put_copies(&stage, &timed);
        stage.until_settled("guide").await;
    }
    assert_eq!((stage.taken::<NotePrinted>().len(), stage.copies()), (4, 0));
}
