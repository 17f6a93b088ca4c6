//! Persons' acts: edits, redrives, discards and retries are in `tap` and `dlq show`, discards also in `sagas show`.

use ballet_stage::{Method, wait_until};
use ballet_testkit::command::ended;
use sqlx::Executor;

use crate::listed_sagas::sagas_are_listed_by_state_and_page_and_found_by_a_value_or_a_declared_key;
use crate::sagas::{until_failed, until_said};
use crate::shop::{ShopWorld, checkout, wrong_checkout};
use crate::solved::tap;
use crate::world::SOON;

const PLACED: &str = "orders.order_placed.v1";

/// Inventory fails at reserving stock.
const TROUBLE: &str = "create function trouble() returns trigger language plpgsql as \
        $$ begin raise exception 'the warehouse is flooded'; end $$; \
     create trigger trouble before insert on reservation for each row execute function trouble()";

async fn retries_take_their_time(shop: &ShopWorld) {
    let path = ["policies", shop.env.vhost(), "quick-retries"];
    shop.env.management().call(Method::DELETE, &path, None).await.expect("removed");
}

async fn seen_of(shop: &ShopWorld, saga: &str) -> String {
    tap(shop, &["tap", "--since", "1h", "--until", "now", "--saga", saga]).await
}

#[tokio::test]
async fn t26_t150_t158_t227_sagas_are_found_and_who_acted_on_them_is_shown_with_the_reason() {
    let mut shop = ShopWorld::open("persons").await;
    sagas_are_listed_by_state_and_page_and_found_by_a_value_or_a_declared_key(&shop).await;
    shop.ballet(&["dlq", "discard", "--all", "--yes"]).await.ends_with(0);
    let saga = shop.new_order(&wrong_checkout()).await;
    until_said(&shop, &["dlq", "list", "-o", "json"], &saga).await;
    std::fs::write(shop.place.join("body.json"), checkout().to_string()).expect("written");
    let why = ["--why", "it was one mug, case 4711", "--by", "bob"];
    let edit = [&["dlq", "edit", &saga, "--body", "body.json"], &why[..]].concat();
    shop.ballet(&edit).await.ends_with(0);
    let letter = shop.ballet(&["dlq", "show", &saga]).await.succeeds();
    assert!(letter.contains("edited") && letter.contains("by bob"), "{letter}");
    assert!(letter.contains("case 4711"), "{letter}");
    // By default the current user, without a reason.
    shop.ballet(&["dlq", "redrive", "--id", &saga]).await.ends_with(0);
    shop.order_is(&saga, "completed").await;
    let seen = seen_of(&shop, &saga).await;
    assert!(seen.contains("by bob: it was one mug") && seen.contains("redriven by ada"), "{seen}");

    // A retry now needs a waiting message.
    retries_take_their_time(&shop).await;
    shop.database("inventory").await.execute(sqlx::raw_sql(TROUBLE)).await.expect("trouble");
    let retried = shop.new_order(&checkout()).await;
    until_failed(&shop, "inventory", &retried).await;
    until_said(&shop, &["sagas", "stuck"], &retried).await;
    let retry = ["inbox", "retry", "inventory", "--saga", &retried, "--why", "it is dry again"];
    wait_until("a message to be moved", SOON, || async {
        let moved = shop.ballet(&retry).await.ends_with(0);
        let is_moved = moved.err.contains("1 message of inventory tried again now");
        if is_moved { Ok(Some(())) } else { Err(format!("{moved:?}")) }
    })
    .await
    .expect("retried");
    let mend = "drop trigger trouble on reservation";
    shop.database("inventory").await.execute(mend).await.expect("mended");
    // A message that was moved may have failed, and wait again.
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

    // Its saga says who discarded it.
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
    let seen = seen_of(&shop, &discarded).await;
    assert!(seen.contains("discarded by ada: a test order"), "{seen}");

    // Without a database the tool works, and says where the note is.
    shop.drop(&ShopWorld::new_id(), "no JSON").await;
    shop.dead("orders").await;
    let mut alone = shop.command(&["dlq", "discard", "--all", "--yes"]);
    alone.env_remove("DATABASE_URL");
    ended(alone).await.ends_with(0).says(&["in the journal"]);
    shop.close().await;
}
