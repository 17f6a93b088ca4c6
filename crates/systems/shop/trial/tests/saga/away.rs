//! The audit of a shop in which a service or the broker does not answer.

use std::net::{Ipv4Addr, SocketAddr};

use ballet_ops::audit::{BrokerSnapshot, connect};
use ballet_stage::wait_until;
use jiff::SignedDuration;
use shop::audit::{Report, audit_beside};
use sqlx::Executor;
use tokio::net::TcpListener;

use crate::shop::{SOON, Shop, mugs};

/// Returns a listener like that of a stopped program: the system accepts connections, and nothing answers.
async fn hangs() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("an address");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Audits the shop with other addresses for some databases.
async fn audited(shop: &Shop, elsewhere: &[(&str, SocketAddr)], broker: &BrokerSnapshot) -> Report {
    let mut databases = shop.databases();
    for (service, address) in elsewhere {
        let url = format!("postgres://ada@{address}/{service}");
        databases.insert((*service).to_owned(), url);
    }
    let (all, quiescent_after) =
        (databases.clone().into_iter().collect::<Vec<_>>(), SignedDuration::ZERO);
    let framework = ballet_ops::audit::audit(&shop::system(), &all, broker, quiescent_after).await;
    audit_beside(&framework, &databases, quiescent_after).await.and(framework)
}

fn said(report: &Report, words: &str) -> bool {
    report.away.iter().any(|line| line.contains(words))
}

#[tokio::test]
async fn t200_the_audit_names_who_does_not_answer_and_judges_the_rest() {
    let shop = Shop::open("away").await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&order_id, "completed").await;
    shop.is_sound().await;
    let idle = || async { shop.idle_broker().await.map(Some) };
    let broker = wait_until("empty queues", SOON, idle).await.expect("an idle broker");

    // The audit does not wait for a locked table.
    let mut db = connect(&shop.databases(), "shipping").await.expect("connected");
    let limit: String =
        sqlx::query_scalar("show lock_timeout").fetch_one(&mut db).await.expect("a limit");
    assert_eq!(limit, "30s");

    let (_silent, hanging) = hangs().await;
    let closed = hangs().await.1;
    let elsewhere = [("payments", hanging), ("shipping", closed)];
    let lost = "alter table product_count rename to lost";
    shop.database("recommendations").await.execute(lost).await.expect("a table too few");
    let sound = audited(&shop, &elsewhere, &broker).await;
    for words in [
        "the database of payments: Postgres at ",
        " cannot be reached: no answer within 10 s",
        "the database of shipping: ",
        "the database of recommendations: error returned from database: relation",
    ] {
        assert!(said(&sound, words), "{words:?} is not in {sound}");
    }
    assert_eq!(sound.away.len(), 3, "{sound}");
    assert!(sound.is_clean() && sound.open.is_empty(), "nothing is made up: {sound}");
    assert!(!sound.is_settled(), "{sound}");

    let mut db = shop.database("inventory").await;
    let more = "alter table stock drop constraint stock_adds_up; \
                update stock set on_hand = on_hand + 1 where sku = 'mug'";
    db.execute(more).await.expect("a mug too many");
    let lost = "delete from ballet.ledger where step = 'confirm_order'";
    shop.database("orders").await.execute(lost).await.expect("a row too few");
    let wrong = audited(&shop, &elsewhere, &broker).await;
    let violations = wrong.violations.join("\n");
    assert!(violations.contains("stock mug does not add up"), "{wrong}");

    // Without the broker it is not known whether it has the message.
    let lost = "delete from ballet.ledger where step = 'commit_stock'";
    db.execute(lost).await.expect("a row too few");
    let away = BrokerSnapshot { away: Some("no answer".to_owned()), ..BrokerSnapshot::default() };
    let blind = audited(&shop, &[], &away).await;
    assert!(said(&blind, "the broker: no answer"), "{blind}");
    let unjudged = "orders has not acted on payments.payment_captured.v1: the broker, which may";
    assert!(blind.open.iter().any(|line| line.contains(unjudged)), "{blind}");
    shop.close().await;
}

#[tokio::test]
async fn an_order_that_is_completed_is_not_open_in_the_audit() {
    let mut shop = Shop::open("completed").await;
    // Recommendations counts orders, and takes no part in them.
    shop.stop("recommendations").await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&order_id, "completed").await;
    let (nothing, hour) = (Report::default(), SignedDuration::from_hours(1));
    let lately = audit_beside(&nothing, &shop.databases(), hour).await;
    assert!(lately.open.iter().all(|line| !line.contains("is completed since")), "{lately}");
    assert!(lately.recent.iter().any(|line| line.contains(&order_id)), "{lately}");
    shop.start("recommendations").await;
    let counted = wait_until("a settled shop", SOON, || async {
        let report = audit_beside(&nothing, &shop.databases(), SignedDuration::ZERO).await;
        if report.is_settled() { Ok(Some(())) } else { Err(report.to_string()) }
    });
    counted.await.expect("it is counted");
    shop.close().await;
}
