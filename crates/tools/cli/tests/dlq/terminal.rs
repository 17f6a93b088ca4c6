//! The tables as an operator sees them, on terminals of several widths.

use ballet_stage::wait_until;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::pty::{answered, drawn};
use crate::shop::{ShopWorld, checkout};
use crate::world::{CounterWorld, SOON, ballet};

const WIDTHS: [u16; 3] = [80, 120, 200];
const UNPUBLISHABLE: &str = "insert into ballet.outbox_dead (owner, batch, position, message_id, \
    event_type, saga_id, body, created_at, reason) values (7, 1, 1, gen_random_uuid(), \
    'orders.order_placed.v1', gen_random_uuid(), '{}', now() - interval '1 day', \
    'the broker refuses a body of 20 MB: its max_message_size is 16 MB. Raise it, or forget the event')";

#[tokio::test]
async fn every_table_fits_the_terminal() {
    let mut shop = ShopWorld::open("widths").await;
    // An order that waits for payments, of which no process is alive.
    shop.stop("payments").await;
    let (waits, wrong) = (ShopWorld::new_id(), ShopWorld::new_id());
    shop.drop(&waits, &checkout().to_string()).await;
    let mut body = checkout();
    body["lines"][0]["quantity"] =
        json!("twelve or, if there are not so many, as many as there are");
    shop.drop(&wrong, &body.to_string()).await;
    shop.drop(&ShopWorld::new_id(), "no JSON").await;
    shop.dead("orders").await;
    let mut orders =
        PgConnection::connect(shop.env.database_url("orders")).await.expect("a database");
    orders.execute(UNPUBLISHABLE).await.expect("an event");
    wait_until("all that is listed", SOON, || async {
        let dead = shop.ballet(&["dlq", "list", "-o", "json"]).await;
        let open = shop.ballet(&["sagas", "open"]).await;
        let all = dead.out.matches("dead_at").count() == 2
            && open.out.contains("inventory.stock_reserved");
        if all { Ok(Some(())) } else { Err(format!("{dead:?}\n{open:?}")) }
    })
    .await
    .expect("listed");

    for columns in WIDTHS {
        for (arguments, least) in [
            (&["dlq", "list"][..], 2),
            (&["catalog"], 30),
            (&["dlq", "groups"], 2),
            (&["dlq", "redrive", "--all", "--dry-run"], 2),
            (&["sagas", "stuck"], 3),
            (&["sagas", "open"], 1),
            (&["copies", "list"], 1),
            (&["outbox", "list"], 1),
        ] {
            let table = drawn(shop.command(arguments), columns).await;
            assert_eq!(table.code, Some(0), "{arguments:?}: {}", table.text());
            assert!(table.raw.contains("\u{1b}["), "it has colours: {:?}", table.raw);
            table.fits();
            // The further lines of a row that is folded are indented. The first row is the header.
            let begun = table.lines.iter().filter(|line| !line.starts_with(' ')).count();
            assert!(begun > least, "rows of {arguments:?}:\n{}", table.text());
        }
        for saga in [&waits, &wrong] {
            let lanes = drawn(shop.command(&["sagas", "show", saga]), columns).await;
            assert_eq!(lanes.code, Some(0), "{}", lanes.text());
            lanes.fits();
        }
    }
    shop.close().await;
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
