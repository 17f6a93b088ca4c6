//! A message has its effect once.

use ballet::{Failure, Participant, Projection, Tx};
use ballet_amqp::headers::text_header;
use ballet_testkit::memory::until;

use crate::inbox_outbox::notes::{NotePrinted, Notes, TABLES, renamed};
use crate::inbox_outbox::stage::OutboxStage;
use crate::inbox_outbox::trip::{HotelRenamed, Trouble};

#[tokio::test]
async fn t31_of_two_deliveries_at_the_same_moment_one_runs_and_the_other_waits() {
    let notes = Notes::held();
    let stage = OutboxStage::new("same_moment", &[notes.guide()]).await;
    let _replicas =
        [stage.start(notes.guide(), TABLES).await, stage.start(notes.guide(), TABLES).await];
    until("two consumers", || stage.broker.connections().len(), 4).await;
    let id = stage.new_id();
    stage.put(&id, None, &renamed("Ritz"));
    stage.put(&id, None, &renamed("Ritz"));
    stage.until_waiting("guide", 1).await;
    assert_eq!(notes.entered(), 1);
    notes.let_go();
    stage.until_settled("guide").await;
    assert_eq!(notes.entered(), 1);
    assert_eq!(stage.count("guide", "note").await, 1);
}

#[tokio::test]
async fn t32_t42_a_handler_that_fails_leaves_nothing_and_runs_again() {
    let notes = Notes::default();
    let stage = OutboxStage::new("fails", &[notes.guide()]).await;
    let _running = stage.start(notes.guide(), TABLES).await;
    let _ = notes.trouble.clone().times(2);
    stage.put(&stage.new_id(), None, &renamed("Ritz"));
    stage.until_settled("guide").await;
    assert_eq!(notes.entered(), 3);
    let _ = notes.trouble.clone().times(1);
    stage.put(&stage.new_id(), None, &renamed("Broken"));
    stage.until_settled("guide").await;
    assert_eq!(stage.count("guide", "note").await, 1);
    assert_eq!(stage.count("guide", "ballet.inbox").await, 1);
    // Events published later would follow those of a failed attempt.
    stage.put(&stage.new_id(), None, &renamed("Savoy"));
    let printed = stage.until_taken::<NotePrinted>(2).await;
    assert_eq!(printed[0].body, r#"{"name":"Ritz"}"#);
    assert_eq!(printed[1].body, r#"{"name":"Savoy"}"#);
}

struct Second(Trouble);

impl Projection for Second {
    const NAME: &'static str = "second";
    type On = HotelRenamed;

    async fn apply(&self, tx: &mut Tx<'_>, _: HotelRenamed) -> Result<(), Failure> {
        sqlx::query("insert into note values ('second')").execute(tx.db()).await?;
        if self.0.strikes() { Err(Failure::transient("not now")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn t33_of_two_handlers_of_an_event_each_takes_effect_once_when_one_fails() {
    let notes = Notes::default();
    let second = Second(Trouble::default().times(2));
    let guide: Participant = notes.guide().projects(second);
    let stage = OutboxStage::new("two_handlers", &[notes.guide()]).await;
    let _running = stage.start(guide, TABLES).await;
    stage.put(&stage.new_id(), None, &renamed("Ritz"));
    stage.until_settled("guide").await;
    stage.until_taken::<NotePrinted>(1).await;
    assert_eq!(stage.count("guide", "note where name = 'Ritz'").await, 1);
    assert_eq!(stage.count("guide", "note where name = 'second'").await, 1);
}

#[tokio::test]
async fn t38_a_handler_that_hangs_is_rolled_back_and_its_attempts_are_counted() {
    let notes = Notes { trouble: Trouble::default().times(1000), ..Notes::default() };
    let stage = OutboxStage::new("hangs", &[notes.guide()]).await;
    let limit = |settings: &mut ballet::Settings| settings.handler_seconds = 1;
    let _running = stage.start_with(notes.guide(), TABLES, limit).await;
    stage.put(&stage.new_id(), None, &renamed("Hangs"));
    until("the dead letter", || stage.copies(), 1).await;
    let letter = stage.broker.taken().into_iter().find(|m| m.exchange == "dead").expect("one");
    assert_eq!(
        text_header(&letter.properties, "x-dead-detail"),
        Some("the handler took longer than 1s, the limit (HANDLER_SECONDS)")
    );
    assert_eq!(notes.entered(), 3);
    let _ = notes.trouble.clone().times(0);
    stage.put(&stage.new_id(), None, &renamed("Ritz"));
    stage.until_settled("guide").await;
    assert_eq!(stage.count("guide", "note").await, 1);
    assert_eq!(stage.taken::<NotePrinted>().len(), 1);
}
