//! The audit of a shop in which somebody does not answer.

use std::net::{Ipv4Addr, SocketAddr};

use ballet_ops::audit::BrokerSnapshot;
use ballet_stage::wait_until;
use jiff::SignedDuration;
use shop::audit::{Report, ServiceUrls};
use sqlx::Executor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::shop::{SOON, Shop, mugs};

/// As a program that was stopped: the system takes its connections, and nothing answers.
async fn hangs() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("an address");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Answers 500 to whatever it is asked.
async fn fails() -> (JoinHandle<()>, SocketAddr) {
    let (listener, address) = hangs().await;
    let answers = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let Ok(1..) = stream.read(&mut [0; 4096]).await else { continue };
            let answer = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\
                          connection: close\r\n\r\n";
            // A client that is gone is no concern of this test.
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    (answers, address)
}

/// The audit with other addresses for some services and databases.
async fn audited(
    shop: &Shop,
    services: &[(&str, SocketAddr)],
    databases: &[(&str, SocketAddr)],
    broker: &BrokerSnapshot,
) -> Report {
    let system = shop::system();
    let names: Vec<&'static str> = system.parts.iter().map(|part| part.service).collect();
    let other = |all: &[(&str, SocketAddr)], name: &str| {
        all.iter().find(|(service, _)| *service == name).map(|(_, address)| *address)
    };
    let url = |name: &'static str| match other(services, name) {
        Some(address) => (name, format!("http://{address}")),
        None => (name, shop.url(name).to_owned()),
    };
    let urls = names.iter().map(|name| url(name)).collect();
    let database = |name: &&str| match other(databases, name) {
        Some(address) => ((*name).to_owned(), format!("postgres://ada@{address}/{name}")),
        None => ((*name).to_owned(), shop.env.database_url(name).to_owned()),
    };
    let databases: Vec<_> = names.iter().map(database).collect();
    let quiescent_after = SignedDuration::ZERO;
    let framework = ballet_ops::audit::audit(&system, &databases, broker, quiescent_after).await;
    shop::audit::audit_beside(&framework, &urls, quiescent_after).await.and(framework)
}

fn urls(shop: &Shop) -> ServiceUrls {
    let services = shop::system().parts.into_iter().map(|part| part.service);
    services.map(|name| (name, shop.url(name).to_owned())).collect()
}

fn said(report: &Report, words: &str) -> bool {
    report.away.iter().any(|line| line.contains(words))
}

#[tokio::test]
async fn t200_the_audit_names_who_does_not_answer_and_judges_the_rest() {
    let shop = Shop::open("away").await;
    let order_id = shop.placed(&mugs(1, "card_approved")).await;
    shop.order_is(&order_id, "completed").await;
    shop.is_sound().await;
    let idle = || async { shop.idle_broker().await.map(Some) };
    let broker = wait_until("empty queues", SOON, idle).await.expect("an idle broker");

    let (_silent, hanging) = hangs().await;
    let (_failing, failing) = fails().await;
    let closed = hangs().await.1;
    let services = [("payments", hanging), ("recommendations", failing), ("shipping", closed)];
    let databases = [("payments", hanging), ("shipping", closed)];
    let sound = audited(&shop, &services, &databases, &broker).await;
    for words in [
        "payments: http://",
        "/healthz does not answer",
        "answers 500 Internal Server Error",
        "refused",
        "the database of payments: no answer within 10 s",
        "the database of shipping: ",
    ] {
        assert!(said(&sound, words), "{words:?} is not in {sound}");
    }
    assert_eq!(sound.away.len(), 5, "{sound}");
    assert!(sound.is_clean() && sound.open.is_empty(), "nothing is made up: {sound}");
    assert!(!sound.is_settled(), "{sound}");

    let mut db = shop.database("inventory").await;
    let more = "alter table stock drop constraint stock_adds_up; \
                update stock set on_hand = on_hand + 1 where sku = 'mug'";
    db.execute(more).await.expect("a mug too many");
    let lost = "delete from ballet.ledger where step = 'confirm_order'";
    shop.database("orders").await.execute(lost).await.expect("a row too few");
    let wrong = audited(&shop, &services, &databases, &broker).await;
    let violations = wrong.violations.join("\n");
    assert!(violations.contains("stock mug does not add up"), "{wrong}");

    // Of a broker that is away nobody knows whether it has the message.
    let lost = "delete from ballet.ledger where step = 'commit_stock'";
    db.execute(lost).await.expect("a row too few");
    let away = BrokerSnapshot { away: Some("no answer".to_owned()), ..BrokerSnapshot::default() };
    let blind = audited(&shop, &[], &[], &away).await;
    assert!(said(&blind, "the broker: no answer"), "{blind}");
    let unjudged = "orders has not acted on payments.payment_captured.v1: the broker, which may";
    assert!(blind.open.iter().any(|line| line.contains(unjudged)), "{blind}");
    shop.close().await;
}

#[tokio::test]
async fn an_order_that_is_completed_is_not_open_in_the_audit() {
    let mut shop = Shop::open("completed").await;
    // It counts orders, and is no part of them.
    shop.stop("recommendations").await;
    let order_id = shop.placed(&mugs(1, "card_approved")).await;
    shop.order_is(&order_id, "completed").await;
    let lately = shop::audit::audit(&urls(&shop), SignedDuration::from_hours(1)).await;
    assert!(lately.open.iter().all(|line| !line.contains("is completed since")), "{lately}");
    assert!(lately.recent.iter().any(|line| line.contains(&order_id)), "{lately}");
    assert!(lately.away.iter().any(|line| line.starts_with("recommendations: ")), "{lately}");
    shop.start("recommendations").await;
    let counted = wait_until("a settled shop", SOON, || async {
        let report = shop::audit::audit(&urls(&shop), SignedDuration::ZERO).await;
        if report.is_settled() { Ok(Some(())) } else { Err(report.to_string()) }
    });
    counted.await.expect("it is counted");
    shop.close().await;
}
