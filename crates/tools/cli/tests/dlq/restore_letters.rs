//! `ballet restore` of a service whose dead letters people handled since the backup.

use ballet_amqp::{Broker, RabbitMq};

use crate::restore::{Backup, restored};
use crate::sagas::until_said;
use crate::shop::{ShopWorld, checkout, wrong_checkout};

#[tokio::test]
async fn a_restored_service_knows_what_persons_did_with_its_dead_letters_since_the_backup() {
    let mut shop = ShopWorld::open("letters").await;
    a_restored_service_hears_what_was_edited_and_what_was_not_discarded_after_all(&mut shop).await;
    a_restored_service_knows_who_has_discarded_its_dead_letters(&mut shop).await;
    shop.close().await;
}

async fn a_restored_service_hears_what_was_edited_and_what_was_not_discarded_after_all(
    shop: &mut ShopWorld,
) {
    let backup = Backup::of(shop, "orders").await;
    std::fs::write(shop.place.join("body.json"), checkout().to_string()).expect("written");
    let mut orders = Vec::new();
    for is_almost_discarded in [false, true] {
        let id = shop.new_order(&wrong_checkout()).await;
        until_said(shop, &["dlq", "list", "-o", "json"], &id).await;
        shop.ballet(&["dlq", "edit", &id, "--body", "body.json"]).await.ends_with(0);
        if is_almost_discarded {
            let to_full_disk = ["dlq", "discard", "--id", &id, "--yes", "--to", "/dev/full"];
            let failed = shop.ballet(&to_full_disk).await;
            assert_ne!(failed.code, Some(0), "{failed:?}");
            until_said(shop, &["dlq", "list", "-o", "json"], &id).await;
        }
        shop.ballet(&["dlq", "redrive", "--id", &id]).await.ends_with(0);
        shop.order_is(&id, "completed").await;
        orders.push(id);
    }
    shop.is_sound().await;

    shop.stop("orders").await;
    backup.restore().await;
    restored(shop, "orders", &backup.taken).await.ends_with(0);
    shop.all_are(&orders, "completed").await;
    shop.ballet(&["dlq", "list"]).await.ends_with(0).prints(&["no dead letters match"]);
    shop.is_sound().await;
}

async fn a_restored_service_knows_who_has_discarded_its_dead_letters(shop: &mut ShopWorld) {
    shop.stop("inventory").await;
    // Every body is too long, so the message dies.
    shop.start("inventory", Some(10)).await;
    let before = shop.new_order(&checkout()).await;
    until_said(shop, &["dlq", "list", "-o", "json"], &before).await;
    shop.stop("inventory").await;
    let backup = Backup::take(shop, "inventory").await;
    shop.start("inventory", Some(10)).await;
    let since = shop.new_order(&checkout()).await;
    until_said(shop, &["dlq", "list", "-o", "json"], &since).await;
    for order in [&before, &since] {
        let discard = ["dlq", "discard", "--saga", order, "--yes", "--why", "a test order"];
        shop.ballet(&discard).await.ends_with(0);
    }

    shop.stop("inventory").await;
    backup.restore().await;
    // Another reader may hold any, so none is noted, which the command says.
    let broker = RabbitMq::new(shop.env.amqp_url("redrive")).expect("a URL");
    let session = broker.connect("test").await.expect("a connection");
    let reads = session.consume("inventory.dead", "test", 1).await.expect("a reader");
    let restore = ["restore", "inventory", "--backup", &backup.taken, "--dry-run"];
    shop.ballet(&restore).await.ends_with(0).says(&["another program is reading inventory.dead"]);
    let again = "End it, stop inventory, and run the same command again";
    restored(shop, "inventory", &backup.taken).await.ends_with(3).says(&[again]);
    shop.stop("inventory").await;
    drop(reads);
    session.close().await;
    restored(shop, "inventory", &backup.taken).await.ends_with(0);
    for order in [&before, &since] {
        let shown = shop.ballet(&["sagas", "show", order]).await.succeeds();
        let is_noted = shown.contains("of inventory: discarded by ada");
        assert!(is_noted && shown.contains("a test order"), "{shown}");
    }
}
