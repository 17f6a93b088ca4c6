//! What an operator sees on a terminal, and is asked there.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};
use tokio::process::Command;

use crate::pty::{answered, drawn};
use crate::world::{CounterWorld, ballet};

const UNPUBLISHABLE: &str = "insert into ballet.outbox_dead (owner, batch, position, message_id, \
    event_type, saga_id, body, created_at, reason) values (7, 1, 1, gen_random_uuid(), \
    'orders.order_placed.v1', gen_random_uuid(), '{}', now() - interval '1 day', \
    'the broker refuses a body of 20 MB: its max_message_size is 16 MB. Raise it, or forget the event')";

#[tokio::test]
async fn a_table_fits_the_terminal() {
    for columns in [80, 120, 200] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/contracts/shop");
        command.args(["catalog", "--contracts", contracts]);
        let table = drawn(command, columns).await;
        assert_eq!(table.code, Some(0), "{}", table.text());
        assert!(table.raw.contains("\u{1b}["), "it has colours: {:?}", table.raw);
        table.fits();
        // The further lines of a row that is folded are indented. The first row is the header.
        let begun = table.lines.iter().filter(|line| !line.starts_with(' ')).count();
        assert!(begun > 30, "{}", table.text());
    }
}

#[tokio::test]
async fn events_that_come_while_somebody_is_asked_are_not_forgotten_and_the_others_are_in_a_file() {
    let world = CounterWorld::new("forgotten").await;
    let mut db = world.database().await;
    db.execute(UNPUBLISHABLE).await.expect("an event");
    let mut command = ballet(&world.env, &world.place);
    command.args(["outbox", "forget", "--all", "--service", "counter", "--why", "too big"]);
    command.args(["--to", "forgotten.jsonl"]);
    command.env("DATABASE_URL", world.env.database_url("counter"));
    let another = UNPUBLISHABLE.replace("(7, 1, 1, ", "(7, 1, 2, ");
    let comes = async {
        world.database().await.execute(AssertSqlSafe(another)).await.expect("another event");
    };
    let (said, code) = answered(command, "Delete 1 event for good?", comes, "forget").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 event of counter deleted"), "{said}");
    let left: Vec<(i32,)> = sqlx::query_as("select position from ballet.outbox_dead")
        .fetch_all(&mut db)
        .await
        .expect("events");
    assert_eq!(left, [(2,)]);
    let kept = std::fs::read_to_string(world.place.join("forgotten.jsonl")).expect("a file");
    let kept: Value = serde_json::from_str(&kept).expect("one line");
    assert_eq!((&kept["event"], &kept["body"]), (&json!("orders.order_placed.v1"), &json!("{}")));
    world.close().await;
}
