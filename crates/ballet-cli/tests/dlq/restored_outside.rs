//! `ballet restore` of a service that calls other companies: what it waits for, and what it does not.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::outside::Companies;
use crate::restored::{Backup, cancelled_without, is_asked, restored_within};
use crate::shop::Shop;

/// Whether the service puts aborts off.
async fn holds_aborts(database: &str) -> bool {
    let mut db = PgConnection::connect(database).await.expect("a database");
    let held = "select exists (select from ballet.restored where hold_until > now())";
    sqlx::query_scalar(held).fetch_one(&mut db).await.expect("it")
}

#[tokio::test]
async fn aborts_wait_also_for_a_service_that_starts_late_or_after_the_command_was_stopped() {
    let companies = Companies::default();
    let mut shop = Shop::open_beside(companies.clone(), "late").await;
    shop.stop("payments").await;
    let backup = Backup::take(&shop, "payments").await;
    shop.start("payments", None).await;
    let order = cancelled_without(&mut shop, &companies, "payments").await;
    backup.restore().await;
    let database = shop.env.admin_database_url("payments").to_owned();
    let restore = ["restore", "payments", "--backup", &backup.taken, "--patience", "2"];

    for is_stopped in [true, false] {
        let mut child = shop.command(&restore).spawn().expect("the command");
        let mut lines = BufReader::new(child.stderr.take().expect("its words")).lines();
        let mut said = Vec::new();
        while !said.iter().any(|line: &String| line.contains("start payments now")) {
            said.push(lines.next_line().await.expect("a line").expect("a line"));
        }
        if is_stopped {
            let pid = i32::try_from(child.id().expect("it runs")).expect("an id");
            let pid = Pid::from_raw(pid).expect("an id");
            kill_process(pid, Signal::INT).expect("stopped");
        } else {
            // Thrice its patience, and more: all that it says is that it waits.
            let other = async {
                loop {
                    let line = lines.next_line().await.expect("a line");
                    if !line.as_ref().is_some_and(|line| line.contains("payments handles them")) {
                        break line;
                    }
                }
            };
            let other = tokio::time::timeout(Duration::from_secs(7), other).await;
            assert!(other.is_err(), "{other:?}");
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
    shop.close().await;
}

#[tokio::test]
async fn a_parcel_on_its_way_keeps_no_restored_service_from_being_compared() {
    let companies = Companies::default();
    let mut shop = Shop::open_beside(companies.clone(), "parcel").await;
    companies.hold_deliveries(true);
    let old = shop.order(1).await.remove(0);
    is_asked(&shop, "shipping", "deliver_shipment", &old).await;
    shop.stop("shipping").await;
    let backup = Backup::take(&shop, "shipping").await;
    shop.start("shipping", None).await;
    let new = shop.order(1).await.remove(0);
    is_asked(&shop, "shipping", "deliver_shipment", &new).await;
    shop.stop("shipping").await;
    backup.restore().await;
    let restore = ["restore", "shipping", "--backup", &backup.taken];
    let (said, code) = restored_within(&mut shop, "shipping", &restore, "20").await;
    assert_eq!(code, Some(0), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("shipping knows what it published")), "{said:#?}");
    is_asked(&shop, "shipping", "deliver_shipment", &new).await;
    shop.close().await;
}
