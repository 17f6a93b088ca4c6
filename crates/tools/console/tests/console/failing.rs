//! Errors of retried steps, and silent servers, neither of which the journal has.

use ballet_stage::{Link, Proxy};
use jiff::SignedDuration;
use reqwest::StatusCode;
use sqlx::postgres::PgConnectOptions;
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::test_console::{PLACED, RESERVED, TestConsole, service_databases};

/// One message waits, one was handled at its third attempt, and a call fails.
fn rows(message: Uuid, call: Uuid) -> String {
    format!(
        "insert into ballet.failure (message_id, saga_id, event_type, handler, reason, detail, attempts, first_failed_at, next_at)
         values (gen_random_uuid(), '{message}', '{RESERVED}', 'authorize_payment', 'failed', 'relation \"Limits\" is locked', 1, now(), now() + interval '1 hour'),
             ('{message}', '{message}', '{RESERVED}', 'authorize_payment', 'failed', 'it was handled in the end', 2, now(), now());
         insert into ballet.inbox_other (message_id, received_at) values ('{message}', now());
         insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, attempts, last_error, created_at, next_at)
         values (gen_random_uuid(), '{call}', 'capture_payment', '', false, '{{}}', 0, 3, 'the bank answers 503', now(), 'infinity')"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_failing_steps_are_found() {
    let world = TestConsole::new("console_failing").await;
    let (of, databases) = service_databases("failing", &["payments"]).await;
    let mut db = PgConnection::connect(of["payments"].url()).await.expect("a session");
    let console = world.console_with(|options| options.databases = databases).await;
    let browser = console.browser().await;
    let [message, call] = [0; 2].map(|_| world.random_id());
    world.publish([message, call].map(|saga| world.event(PLACED, saga, None, "{}")).into()).await;
    db.execute(AssertSqlSafe(rows(message, call))).await.expect("rows");
    browser.until("/sagas", &call.to_string()).await;
    for (text, found, other) in
        [("LIMITS%22+is", message, call), ("bank+answers+503", call, message)]
    {
        let page = browser.until(&format!("/sagas?q={text}"), &found.to_string()).await;
        assert!(!page.contains(&other.to_string()), "{text}: {page}");
        assert!(page.contains("is locked") || page.contains("answers 503"), "why: {page}");
    }
    for text in ["handled+in+the+end", "answers%25503"] {
        let (_, page) = browser.get(&format!("/sagas?q={text}")).await;
        assert!(page.contains("No saga is like that."), "{text}: {page}");
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_that_was_undone_without_an_event_is_over_before_it_is_late() {
    let world = TestConsole::new("console_silent").await;
    let (of, databases) = service_databases("silent", &["inventory", "orders"]).await;
    let console = world.console_with(|options| options.databases = databases).await;
    let browser = console.browser().await;
    let saga = world.id();
    for (service, step, event) in
        [("inventory", "reserve_stock", RESERVED), ("orders", "place_order", PLACED)]
    {
        let mut db = PgConnection::connect(of[service].url()).await.expect("a session");
        db.execute(AssertSqlSafe(format!(
            "insert into ballet.ledger (saga_id, step, key, entry, arrived, ordinal, event_type, recorded_at)
             values ('{saga}', '{step}', '', 'done', '', 0, '{event}', now()),
                 ('{saga}', '', 'order_fulfillment', 'aborted', '', 1, null, now()),
                 ('{saga}', '{step}', '', 'undone', '', 2, null, now())"
        )))
        .await
        .expect("rows");
    }
    let minute_ago = world.clock.now() - SignedDuration::from_mins(1);
    let all = [PLACED, RESERVED, "payments.payment_declined.v1", "orders.order_cancelled.v1"];
    let all = all.map(|name| {
        let mut event = world.event(name, saga, None, "{}");
        let id = world.clock.new_id(minute_ago).to_string();
        event.properties = event.properties.with_message_id(id.into());
        event
    });
    world.publish(all.into()).await;
    browser.until(&format!("/sagas/{saga}"), "state aborted").await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_does_not_say_well_while_a_database_says_nothing() {
    let world = TestConsole::new("console_stale").await;
    let (of, _) = service_databases("stale", &["payments"]).await;
    let (way, own) = (Proxy::to(of["payments"].url()).await, Proxy::to(world.database.url()).await);
    let (way, own) = (way.expect("a way"), own.expect("a way"));
    let url: PgConnectOptions = way.url().parse().expect("a URL");
    let console = world
        .console_with(|options| {
            options.databases = vec![("payments".to_owned(), url)];
            options.database = own.url().parse().expect("a URL");
        })
        .await;
    let browser = console.browser().await;
    let well = "<strong>providers </strong><span class=\"calm\">";
    browser.until("/", well).await;
    way.set(Link::Silent);
    browser.until("/", "it was well then, and the look since has no answer").await;
    // Without an answer it is bad in the end.
    browser.until("/", "no answer within").await;
    way.set(Link::Open);
    browser.until("/", well).await;
    // So is the console's own silent database.
    own.set(Link::Silent);
    let (status, page) = browser.get("/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
    own.set(Link::Open);
    browser.until("/", well).await;
    world.close().await;
}
