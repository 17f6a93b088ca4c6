//! Transactions that meet.

use crate::inbox_outbox::notes::{Notes, TABLES, renamed};
use crate::inbox_outbox::stage::OutboxStage;

#[tokio::test]
async fn t63_a_deadlock_and_a_serialization_failure_are_nobodys_failure() {
    let notes = Notes::default();
    let stage = OutboxStage::new("conflicts", &[notes.guide()]).await;
    let _running = stage.start(notes.guide(), TABLES).await;
    for (handled, code) in (1..).zip(["40P01", "40001"]) {
        // The handler's own failure would be a dead letter after three attempts.
        let _ = notes.trouble.clone().times(3);
        stage.put(&stage.new_id(), None, &renamed(code));
        stage.until_settled("guide").await;
        assert_eq!(notes.entered(), 4 * handled);
        assert_eq!(stage.copies(), 0, "at once, and not by way of a retry queue");
    }
    assert_eq!(stage.count("guide", "note").await, 2);
}
