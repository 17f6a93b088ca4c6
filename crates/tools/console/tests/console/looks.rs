//! The page of services, and blocked sagas.

use ballet_store::process;
use sqlx::{Connection, Executor, PgConnection};

use crate::test_console::{PLACED, RESERVED, TestConsole, service_databases};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_of_services_is_shown_and_blocks_what_it_hinders() {
    let world = TestConsole::new("console_looks").await;
    let (saga, late) = (world.id(), jiff::SignedDuration::ZERO);
    let console = world
        .console_with(|options| {
            options.management = Some(world.env.management_url());
            // Otherwise it would be stuck at once.
            options.patience = late;
        })
        .await;
    let browser = console.browser().await;
    let dead = world.dead("payments", RESERVED, world.id(), "no shelf 17", b"{}");
    world.publish(vec![dead]).await;
    world.unbind("inventory", PLACED).await;
    world.publish(vec![world.event(PLACED, saga, None, "{}")]).await;
    browser.until("/sagas?state=blocked", &saga.to_string()).await;
    let why = "binding: the binding of";
    browser.until("/", &format!("<span class=\"why\" dir=\"auto\">{why}")).await;
    browser.until("/", "<strong>the broker: binding</strong>").await;
    let page = browser.until(&format!("/sagas/{saga}"), &format!("inventory: {why}")).await;
    assert!(!page.contains("Nothing is known to hinder it"), "{page}");

    let page = browser.until("/services", "1 dead letter waits in payments.dead").await;
    for says in [
        "<strong>binding</strong>",
        "Do: `ballet topology repair` creates it",
        "On these pages: <a href=\"/dead-letters/act?service=payments\">",
        "order_fulfillment</a>: 1 open",
        " · a saga waits for <time",
    ] {
        assert!(page.contains(says), "{says}: {page}");
    }
    let at = |says: &str| page.find(says).unwrap_or_else(|| panic!("{says}: {page}"));
    let order = ["<strong>binding</strong>", "<table", "id=\"payments\"", "order_fulfillment</a>"];
    assert!(order.map(at).is_sorted(), "{page}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_shown_in_figures() {
    let world = TestConsole::new("console_figures").await;
    let (of, databases) = service_databases("figures", &["inventory"]).await;
    let mut db = PgConnection::connect(of["inventory"].url()).await.expect("a session");
    db.execute(
        "insert into ballet.outbox_dead (owner, batch, position, message_id, event_type, body, created_at, reason) \
         values (7, 1, 1, gen_random_uuid(), 'inventory.stock_reserved.v1', '{}', now(), 'too big'); \
         insert into ballet.process_lease (process, lease_until) values (7, now() - interval '1 hour'); \
         insert into ballet.copy_fill (entity, owner, seen) values ('product', 'catalog', 3)",
    )
    .await
    .expect("rows");
    let console = world
        .console_with(|options| {
            options.databases = databases;
            options.patience = jiff::SignedDuration::ZERO;
        })
        .await;
    let browser = console.browser().await;
    let page = browser.until("/services", "1 can never be published").await;
    for says in ["processes", "copy of product of catalog", "being filled"] {
        assert!(page.contains(says), "{says}: {page}");
    }

    let saga = world.id();
    world.publish(vec![world.event(PLACED, saga, None, "{}")]).await;
    browser.until("/", "it has no process").await;
    let session = PgConnection::connect(of["inventory"].url()).await.expect("a session");
    let (process, mut session) = process::begin(session).await.expect("a process");
    process::renew(&mut session, process, Some("1.4.2"), None).await.expect("a lease");
    // Nobody renews it while the page shows earlier findings.
    db.execute("update ballet.process_lease set lease_until = now() + interval '50 seconds' where version = '1.4.2'")
        .await
        .expect("a longer lease");
    browser.until("/services", "1 of 1.4.2").await;
    world.close().await;
}
