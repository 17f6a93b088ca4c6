//! `ballet restore` of a service that calls other companies: what it waits for.

use ballet_stage::wait_until;
use ballet_testkit::command::{end_of, interrupt};
use ballet_testkit::until_yields;
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStderr;

use crate::companies::Companies;
use crate::restore::{Backup, cancelled_without, is_asked, restored_within};
use crate::shop::ShopWorld;
use crate::world::SOON;

async fn holds_aborts(database: &str) -> bool {
    let mut db = PgConnection::connect(database).await.expect("a database");
    let held = "select exists (select from ballet.restored where hold_until > now())";
    sqlx::query_scalar(held).fetch_one(&mut db).await.expect("it")
}

/// Its services are restored one after the other.
#[tokio::test]
async fn a_restore_waits_with_aborts_and_not_for_what_takes_long_outside() {
    let companies = Companies::default();
    let mut shop = ShopWorld::open_beside(companies.clone(), "late").await;
    shop.receive("note-2", 100).await;
    aborts_wait_also_for_a_service_that_starts_late_or_after_the_command_was_stopped(
        &mut shop, &companies,
    )
    .await;
    aborts_are_put_off_from_the_end_of_the_sending_and_a_service_that_starts_too_late_is_told(
        &mut shop,
    )
    .await;
    a_parcel_on_its_way_keeps_no_restored_service_from_being_compared(&mut shop, &companies).await;
    shop.close().await;
}

async fn aborts_wait_also_for_a_service_that_starts_late_or_after_the_command_was_stopped(
    shop: &mut ShopWorld,
    companies: &Companies,
) {
    let backup = Backup::of(shop, "payments").await;
    let order = cancelled_without(shop, companies, "payments").await;
    backup.restore().await;
    let database = shop.env.admin_database_url("payments").to_owned();
    let restore = ["restore", "payments", "--backup", &backup.taken, "--patience"];

    // While it searches the journal.
    let mut held = PgConnection::connect(&database).await.expect("a database");
    let hold = "begin; lock table ballet.inbox in access exclusive mode";
    held.execute(hold).await.expect("held");
    let child = shop.command(&[&restore[..], &["2"]].concat()).spawn().expect("the command");
    let searches = "select exists (select from pg_stat_activity \
                    where datname = current_database() and wait_event_type = 'Lock')";
    until_yields(&database, searches, "true", SOON).await;
    interrupt(&child);
    assert_ne!(end_of(child).await.code, Some(0));
    held.execute("rollback").await.expect("let go");
    assert!(!holds_aborts(&database).await);

    for is_stopped in [true, false] {
        // A busy machine may be slow for the first.
        let patience = if is_stopped { "2" } else { "120" };
        let restore = [&restore[..], &[patience]].concat();
        let mut child = shop.command(&restore).spawn().expect("the command");
        let mut lines = BufReader::new(child.stderr.take().expect("its words")).lines();
        let mut said = said_until(&mut lines, "start payments now").await;
        if is_stopped {
            interrupt(&child);
        } else {
            assert!(holds_aborts(&database).await);
            shop.start("payments", None).await;
        }
        while let Some(line) = lines.next_line().await.expect("a line") {
            said.push(line);
        }
        let code = child.wait().await.expect("its end").code();
        if is_stopped {
            assert_eq!(code, Some(3), "{said:#?}");
            assert!(said.iter().any(|line| line.contains("puts aborts off until")), "{said:#?}");
            assert!(holds_aborts(&database).await);
        } else {
            assert_eq!(code, Some(0), "{said:#?}");
            assert!(!holds_aborts(&database).await);
        }
    }
    shop.is_sound().await;
    let did = companies.did(&order);
    let is_given_back = did.contains(&"void") || did.contains(&"refund");
    assert!(is_given_back, "{did:?}");
}

async fn end_hold(database: &str) {
    let mut db = PgConnection::connect(database).await.expect("a database");
    let end = sqlx::query("update ballet.restored set hold_until = now()").execute(&mut db).await;
    assert_eq!(end.expect("ended").rows_affected(), 1);
}

async fn said_until(lines: &mut Lines<BufReader<ChildStderr>>, words: &str) -> Vec<String> {
    let mut said = Vec::new();
    while !said.iter().any(|line: &String| line.contains(words)) {
        said.push(lines.next_line().await.expect("a line").expect("a line"));
    }
    said
}

async fn aborts_are_put_off_from_the_end_of_the_sending_and_a_service_that_starts_too_late_is_told(
    shop: &mut ShopWorld,
) {
    let backup = Backup::of(shop, "payments").await;
    let orders = shop.order(6).await;
    shop.all_are(&orders, "completed").await;
    shop.stop("payments").await;
    backup.restore().await;
    let database = shop.env.admin_database_url("payments").to_owned();
    let restore = ["restore", "payments", "--backup", &backup.taken];
    let slowly = [&restore[..], &["--rate", "1"]].concat();
    let mut child = shop.command(&slowly).spawn().expect("the command");
    let mut lines = BufReader::new(child.stderr.take().expect("its words")).lines();
    wait_until("aborts to be put off", SOON, || async {
        Ok::<_, String>(holds_aborts(&database).await.then_some(()))
    })
    .await
    .expect("put off");
    end_hold(&database).await;
    said_until(&mut lines, "start payments now").await;
    assert!(holds_aborts(&database).await);

    end_hold(&database).await;
    shop.start("payments", None).await;
    said_until(&mut lines, "no longer puts aborts off").await;
    assert_eq!(child.wait().await.expect("its end").code(), Some(3));
    shop.stop("payments").await;
    restored_within(shop, "payments", &restore, "120").await.ends_with(0);
    shop.all_are(&orders, "completed").await;
    shop.is_sound().await;
}

async fn a_parcel_on_its_way_keeps_no_restored_service_from_being_compared(
    shop: &mut ShopWorld,
    companies: &Companies,
) {
    companies.hold_deliveries(true);
    let old = shop.order(1).await.remove(0);
    is_asked(shop, "shipping", "deliver_shipment", &old).await;
    let backup = Backup::of(shop, "shipping").await;
    let new = shop.order(1).await.remove(0);
    is_asked(shop, "shipping", "deliver_shipment", &new).await;
    shop.stop("shipping").await;
    backup.restore().await;
    let restore = ["restore", "shipping", "--backup", &backup.taken];
    let ended = restored_within(shop, "shipping", &restore, "20").await.ends_with(0);
    ended.tells(&["shipping knows what it published"]);
    is_asked(shop, "shipping", "deliver_shipment", &new).await;
}
