//! Questions to an operator on a terminal.

use std::process::Stdio;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::world::{CounterWorld, SOON, ballet};

const BALLET: &str = env!("CARGO_BIN_EXE_ballet");

const UNPUBLISHABLE: &str = "insert into ballet.outbox_dead (owner, batch, position, message_id, \
    event_type, saga_id, body, created_at, reason) values (7, 1, 1, gen_random_uuid(), \
    'orders.order_placed.v1', gen_random_uuid(), '{}', now() - interval '1 day', \
    'the broker refuses a body of 20 MB: its max_message_size is 16 MB. Raise it, or forget the event')";

/// Runs in the command's directory, with its variables.
fn in_terminal(line: &str, like: &Command) -> Command {
    let mut script = Command::new("script");
    // A shell that stayed would have its own exit code.
    let line = format!("stty rows 50 cols 200; exec {line}");
    script.args(["-qefc", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    for (name, value) in like.as_std().get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    if let Some(place) = like.as_std().get_current_dir() {
        script.current_dir(place);
    }
    script.kill_on_drop(true);
    script
}

#[tokio::test]
async fn events_that_come_while_somebody_is_asked_are_not_forgotten_and_the_others_are_in_a_file() {
    let world = CounterWorld::new("forgotten").await;
    let mut db = world.database().await;
    db.execute(UNPUBLISHABLE).await.expect("an event");
    let mut like = ballet(&world.env, &world.place);
    like.env("DATABASE_URL", world.env.database_url("counter"));
    let line = format!(
        "'{BALLET}' outbox forget --all --service counter --why 'too big' --to forgotten.jsonl > /dev/null"
    );
    let mut terminal = in_terminal(&line, &like).spawn().expect("`script` runs");
    let mut keys = terminal.stdin.take().expect("input");
    let mut screen = terminal.stdout.take().expect("output");
    let mut said = String::new();
    while !said.contains("Delete 1 event for good?") {
        let mut bytes = [0; 1024];
        let read = timeout(SOON, screen.read(&mut bytes)).await.expect("it asks in time");
        let read = read.expect("read");
        assert!(read > 0, "it ended: {said}");
        said.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    let another = UNPUBLISHABLE.replace("(7, 1, 1, ", "(7, 1, 2, ");
    db.execute(AssertSqlSafe(another)).await.expect("another event");
    keys.write_all(b"forget\n").await.expect("answered");
    let status = timeout(SOON, terminal.wait()).await.expect("it ends in time").expect("ended");
    let mut rest = Vec::new();
    screen.read_to_end(&mut rest).await.expect("read");
    said.push_str(&String::from_utf8_lossy(&rest));
    assert_eq!(status.code(), Some(0), "{said}");
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
