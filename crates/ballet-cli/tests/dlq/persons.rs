//! The acts of people: edits, redrives, discards and retries are in `sagas show`, `tap` and `dlq`.

use ballet_stage::{Method, wait_until};
use ballet_testkit::command::ended;
use serde_json::{Value, json};
use sqlx::Executor;

use crate::sagas::{until_failed, until_said};
use crate::shop::{ShopWorld, checkout, wrong_checkout};
use crate::solved::tap;
use crate::world::SOON;

const PLACED: &str = "orders.order_placed.v1";

/// A trigger that makes inventory fail at reserving stock.
const TROUBLE: &str = "create function trouble() returns trigger language plpgsql as \
        $$ begin raise exception 'the warehouse is flooded'; end $$; \
     create trigger trouble before insert on reservation for each row execute function trouble()";

/// From here on retries come as late as in production, and no longer at once as in tests.
async fn retries_take_their_time(shop: &ShopWorld) {
    let path = ["policies", shop.env.vhost(), "quick-retries"];
    shop.env.management().call(Method::DELETE, &path, None).await.expect("removed");
}

/// The acts of people on the messages of a saga: the act, by whom, and why.
async fn acts(shop: &ShopWorld, saga: &str) -> Vec<(String, String, Value)> {
    let shown: Value = shop.ballet(&["sagas", "show", saga, "-o", "json"]).await.json();
    let acts = shown[0]["interventions"].as_array().expect("a list").iter();
    let text = |act: &Value, name: &str| act[name].as_str().expect("a text").to_owned();
    acts.map(|act| (text(act, "act"), text(act, "by"), act["why"].clone())).collect()
}

/// The events of a saga in the journal.
async fn seen_of(shop: &ShopWorld, saga: &str) -> String {
    tap(shop, &["tap", "--since", "1h", "--until", "now", "--saga", saga]).await
}

#[tokio::test]
async fn t227_who_edited_redrove_discarded_and_retried_is_shown_with_the_reason() {
    let mut shop = ShopWorld::open("persons").await;
    // A checkout with a mistake is corrected and sent back.
    let saga = shop.new_order(&wrong_checkout()).await;
    until_said(&shop, &["dlq", "list", "-o", "json"], &saga).await;
    std::fs::write(shop.place.join("body.json"), checkout().to_string()).expect("written");
    let why = ["--why", "it was one mug, case 4711", "--by", "bob"];
    let edit = [&["dlq", "edit", &saga, "--body", "body.json"], &why[..]].concat();
    shop.ballet(&edit).await.ends_with(0);
    let letter = shop.ballet(&["dlq", "show", &saga]).await.succeeds();
    assert!(letter.contains("edited") && letter.contains("by bob"), "{letter}");
    assert!(letter.contains("case 4711"), "{letter}");
    // Without --by it is the current user; without --why there is no reason.
    shop.ballet(&["dlq", "redrive", "--id", &saga]).await.ends_with(0);
    shop.order_is(&saga, "completed").await;
    let expected = [
        ("edited".to_owned(), "bob".to_owned(), json!("it was one mug, case 4711")),
        ("redriven".to_owned(), "ada".to_owned(), Value::Null),
    ];
    assert_eq!(acts(&shop, &saga).await, expected);
    shop.ballet(&["sagas", "show", &saga]).await.ends_with(0).prints(&[
        "of orders: edited by bob",
        "4711",
        "of orders: redriven by ada",
    ]);
    let seen = seen_of(&shop, &saga).await;
    assert!(seen.contains("by bob: it was one mug") && seen.contains("redriven by ada"), "{seen}");

    // A retry now needs a message that waits for its next attempt.
    retries_take_their_time(&shop).await;
    shop.database("inventory").await.execute(sqlx::raw_sql(TROUBLE)).await.expect("trouble");
    let retried = shop.new_order(&checkout()).await;
    until_failed(&shop, "inventory", &retried).await;
    until_said(&shop, &["sagas", "stuck"], &retried).await;
    let retry = ["inbox", "retry", "inventory", "--saga", &retried, "--why", "it is dry again"];
    wait_until("a message to be moved", SOON, || async {
        let moved = shop.ballet(&retry).await.ends_with(0);
        let acts = acts(&shop, &retried).await;
        if acts.is_empty() { Err(format!("{moved:?}")) } else { Ok(Some(())) }
    })
    .await
    .expect("retried");
    let mend = "drop trigger trouble on reservation";
    shop.database("inventory").await.execute(mend).await.expect("mended");
    let act = ("retried".to_owned(), "ada".to_owned(), json!("it is dry again"));
    assert_eq!(acts(&shop, &retried).await[0], act);
    // A message that was moved before may have failed meanwhile, and wait again.
    wait_until("it to be handled", SOON, || async {
        shop.ballet(&retry).await.ends_with(0);
        let stuck = shop.ballet(&["sagas", "stuck"]).await;
        if stuck.out.contains(&retried) { Err(format!("{stuck:?}")) } else { Ok(Some(())) }
    })
    .await
    .expect("handled");
    shop.order_is(&retried, "completed").await;
    let seen = seen_of(&shop, &retried).await;
    assert!(seen.contains("retried by ada: it is dry again"), "{seen}");

    // A dead letter that was discarded: its saga goes on to say who has done it.
    shop.stop("inventory").await;
    shop.start("inventory", Some(10)).await;
    let discarded = shop.new_order(&checkout()).await;
    shop.dead("inventory").await;
    let discard = ["dlq", "discard", "--saga", &discarded, "--yes", "--why", "a test order"];
    shop.ballet(&discard).await.ends_with(0);
    let shown = shop.ballet(&["sagas", "show", &discarded]).await.ends_with(0).prints(&[
        "of inventory: discarded by ada",
        "a test order",
        &format!("does not get {PLACED}"),
        "discarded by ada at",
    ]);
    assert!(!shown.out.contains("has not acted"), "{shown:?}");
    let open = shop.ballet(&["sagas", "open", "--older-than", "0s"]).await.succeeds();
    assert!(open.contains("discarded") && !open.contains("has not acted"), "{open}");
    let seen = seen_of(&shop, &discarded).await;
    assert!(seen.contains("discarded by ada: a test order"), "{seen}");

    // A tool that knows no database works all the same, and says where the note is.
    shop.drop(&ShopWorld::new_id(), "no JSON").await;
    shop.dead("orders").await;
    let mut alone = shop.command(&["dlq", "discard", "--all", "--yes"]);
    alone.env_remove("DATABASE_URL");
    ended(alone).await.ends_with(0).says(&["in the journal"]);
    shop.close().await;
}

#[tokio::test]
async fn t227_what_was_sent_back_a_moment_ago_is_marked_and_not_advised_again() {
    let mut shop = ShopWorld::open("sent-back").await;
    // The message must not have died by itself before the service is stopped.
    retries_take_their_time(&shop).await;
    let mut db = shop.database("inventory").await;
    db.execute(sqlx::raw_sql(TROUBLE)).await.expect("trouble");
    let saga = shop.new_order(&checkout()).await;
    until_failed(&shop, "inventory", &saga).await;
    until_said(&shop, &["sagas", "stuck"], "the warehouse is flooded").await;
    shop.stop("inventory").await;
    db.execute("drop trigger trouble on reservation").await.expect("mended");
    // As if it had been a dead letter, and was redriven: the tests above show that the command notes it.
    let dead = "update ballet.failure set next_at = null";
    db.execute(dead).await.expect("dead");
    let stuck = shop.ballet(&["sagas", "stuck"]).await;
    assert!(stuck.err.contains("dlq redrive"), "{stuck:?}");
    let touched = "insert into ballet.intervention (at, act, message_id, saga_id, event_type, done_by) \
                   select ballet.now(), 'redriven', message_id, saga_id, event_type, 'ada' \
                   from ballet.failure";
    db.execute(touched).await.expect("redriven");

    let stuck = shop.ballet(&["sagas", "stuck"]).await;
    assert!(stuck.out.contains("sent back ") && stuck.out.contains(" s ago"), "{stuck:?}");
    assert!(!stuck.err.contains("dlq redrive"), "{stuck:?}");
    let shown = shop.ballet(&["sagas", "show", &saga]).await;
    assert!(shown.out.contains("it was sent back at"), "{shown:?}");
    assert!(!shown.out.contains("a dead letter"), "{shown:?}");

    shop.start("inventory", None).await;
    shop.order_is(&saga, "completed").await;
    until_said(&shop, &["sagas", "stuck"], "no saga is stuck").await;
    shop.close().await;
}
