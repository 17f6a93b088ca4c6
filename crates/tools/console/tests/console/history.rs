//! A saga's history: persons' acts once, at their time, with working links, and why it was aborted.

use ballet_amqp::{AMQPValue, Publish};
use jiff::SignedDuration;
use reqwest::StatusCode;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::observer::until;
use crate::test_console::{Browser, CHECKED_OUT, PLACED, RESERVED, TestConsole, service_databases};

const AUTHORIZED: &str = "payments.payment_authorized.v1";
const DECLINED: &str = "payments.payment_declined.v1";
const CANCELLED: &str = "orders.order_cancelled.v1";

fn id_of(message: &Publish) -> String {
    message.properties.message_id().as_ref().map(ToString::to_string).expect("an id")
}

async fn links_lead_somewhere(browser: &Browser, path: &str) -> String {
    let (_, page) = browser.get(path).await;
    for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let link = link.replace("&amp;", "&");
        match link.strip_prefix('#') {
            Some(anchor) => {
                assert!(page.contains(&format!("id=\"{anchor}\"")), "{path}: {link}: {page}");
            }
            None => {
                let (status, there) = browser.get(&link).await;
                assert_eq!(status, StatusCode::OK, "{path}: {link}: {there}");
            }
        }
    }
    page
}

fn once_in_order(page: &str, texts: &[&str]) {
    let mut from = 0;
    for text in texts {
        assert_eq!(page.matches(text).count(), 1, "{text}: {page}");
        let at = page.find(text).expect("it is there");
        assert!(at > from, "{text} is too early: {page}");
        from = at;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_did_is_one_line_at_its_time_with_links_that_lead_somewhere() {
    let world = TestConsole::new("console_history").await;
    let (_of, databases) = service_databases("history", &["payments", "orders"]).await;
    let console = world.console_with(|options| options.databases = databases).await;
    let operator = console.browser().await;
    let saga = world.random_id();
    let (at, order) = (format!("/sagas/{saga}"), world.id());
    let mut dead = world.dead("payments", RESERVED, saga, "no list", b"{\"lines\":1}");
    let mut headers = dead.properties.headers().clone().expect("headers");
    let died = world.clock.now() - SignedDuration::from_hours(1);
    headers.insert("x-dead-at".into(), AMQPValue::LongString(died.to_string().into()));
    dead.properties = dead.properties.with_headers(headers);
    let id = id_of(&dead);
    let placed = world.event(PLACED, saga, None, "{}");
    world.publish(vec![placed, world.event(RESERVED, saga, None, "{}"), dead]).await;
    operator.until(&at, "state stuck").await;

    // The same reason twice, as in a hurry.
    let letter = format!("/dead-letters/payments/{id}");
    let edit = format!("{letter}/edit");
    operator.until("/dead-letters", "no list").await;
    for (why, lines) in [("typing+error", "%5B%5D"), ("hurry", "%5B1%5D"), ("hurry", "%5B%5D")] {
        let body = format!(
            "%7B%22lines%22%3A%5B%5D%2C%22n%22%3A{lines}%2C%22order_id%22%3A%22{order}%22%7D"
        );
        let fields = format!("why={why}&body={body}");
        let (status, action) = operator.act(&edit, &edit, &fields).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{action}");
        operator.until(&action, "It has a new body").await;
    }
    let mut entries = PgConnection::connect(world.database.url()).await.expect("a session");
    until(&mut entries, "select count(*) from console.entry where kind = 'edited'", 3).await;
    let (_, page) = operator.get(&at).await;
    assert_eq!(page.matches("gets another body for").count(), 3, "{page}");
    assert_eq!(page.matches("could not handle").count(), 1, "{page}");
    once_in_order(&page, &["could not handle", ": typing error"]);
    assert_eq!(page.matches(": hurry").count(), 2, "{page}");
    links_lead_somewhere(&operator, &at).await;

    // With its group, so there is no dead letter any more.
    let act = "/dead-letters/act?service=payments&reason=failed";
    let fields = "act=redrive&service=payments&reason=failed&why=the+list+is+mended";
    let (_, action) = operator.act(act, "/dead-letters/act", fields).await;
    world.handles("payments", &id, AUTHORIZED).await;
    operator.until(&action, "1 of 1 were sent back").await;
    // The journal does not have it.
    let stop = format!("{at}/stop");
    let (_, stopped) = operator.act(&stop, &stop, "name=order_fulfillment&why=a+strike").await;
    operator.until(&stopped, "Nothing was changed").await;
    world.publish(vec![world.event("shipping.shipment_scheduled.v1", saga, None, "{}")]).await;
    operator.until(&at, "shipment_scheduled.v1\"><span").await;
    let page = links_lead_somewhere(&operator, &at).await;
    assert!(!page.contains(&letter), "{page}");
    const EARLY: &str = "select count(*) from console.entry where kind in ('edited', 'redriven') \
                         and at < (select min(at) - interval '1 second' from console.action)";
    until(&mut entries, EARLY, 0).await;
    let in_order = [
        "could not handle",
        ": typing error",
        ": the list is mended",
        "shipping</strong> <span class=\"verb\">published",
    ];
    once_in_order(&page, &in_order);
    assert!(page.contains("a strike"), "{page}");
    for action in [&action, &stopped] {
        assert!(page.contains(&**action), "{action}: {page}");
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_saga_says_why_which_step_and_who() {
    let world = TestConsole::new("console_aborted").await;
    let (of, databases) = service_databases("aborted", &["orders"]).await;
    let console = world.console_with(|options| options.databases = databases).await;
    let operator = console.browser().await;
    let [refused, at_once, late, stopped, thrown] = [0; 5].map(|_| world.random_id());
    // Another event follows before the owner knows.
    let declined = world.event(DECLINED, refused, None, r#"{"reason":"insufficient_funds"}"#);
    let because = id_of(&declined).parse().expect("an id");
    let mut all = vec![
        world.event(PLACED, refused, None, "{}"),
        declined,
        world.event(CANCELLED, refused, Some(because), "{}"),
        // The owner refuses with the aborting event.
        world.event(CHECKED_OUT, at_once, None, "{}"),
        world.event(CANCELLED, at_once, None, r#"{"reason":"empty_cart"}"#),
    ];
    for saga in [late, stopped] {
        let passed = world.event("orders.order_deadline_passed.v1", saga, None, "{}");
        let because = id_of(&passed).parse().expect("an id");
        all.push(world.event(PLACED, saga, None, "{}"));
        all.push(passed);
        all.push(world.event(CANCELLED, saga, Some(because), "{}"));
    }
    all.push(world.event(CHECKED_OUT, thrown, None, "{}"));
    all.push(world.dead("orders", CHECKED_OUT, thrown, "no number", b"{}"));
    world.publish(all).await;
    let mut db = PgConnection::connect(of["orders"].url()).await.expect("a session");
    db.execute(AssertSqlSafe(format!(
        "insert into ballet.stopped (saga_id, saga, stopped_by, why, stopped_at) \
         values ('{stopped}', 'order_fulfillment', 'eve', 'a strike', now())"
    )))
    .await
    .expect("a row");
    operator.until("/dead-letters", "no number").await;
    let act = "/dead-letters/act?service=orders";
    let fields = "act=discard&why=it+came+twice&service=orders&sure=1";
    let (_, action) = operator.act(act, "/dead-letters/act", fields).await;
    operator.until(&action, "1 of 1 were discarded").await;

    let refusal = "<strong>payments</strong> refused <code>authorize_payment</code>";
    let own_refusal = "<strong>orders</strong> refused <code>accept_checkout</code>";
    let deadline = "<strong>orders</strong> let the deadline pass";
    let goes_without = "<strong>orders</strong> goes without cart.checked_out.v1";
    for (saga, says) in [
        (refused, &[refusal, "&quot;reason&quot;: &quot;insufficient_funds&quot;"][..]),
        (at_once, &[own_refusal, "&quot;reason&quot;: &quot;empty_cart&quot;"]),
        (late, &[deadline]),
        (stopped, &[deadline, "eve has stopped it: a strike"]),
        (thrown, &[goes_without, "operator: it came twice"]),
    ] {
        let at = format!("/sagas/{saga}");
        operator.until(&at, "state aborted").await;
        let page = links_lead_somewhere(&operator, &at).await;
        for says in [&["Why it was aborted"], says].concat() {
            assert!(page.contains(says), "{says}: {page}");
        }
        assert!(saga == stopped || !page.contains("has stopped it"), "{page}");
    }
    let page = operator.until("/sagas?state=aborted", refusal).await;
    for says in [own_refusal, deadline, goes_without, "operator: it came twice"] {
        assert!(page.contains(says), "{says}: {page}");
    }
    let of_step = "/sagas?state=aborted&service=payments&step=authorize_payment";
    let (_, page) = operator.get(of_step).await;
    assert!(page.contains(&refused.to_string()), "{page}");
    assert!(!page.contains(&late.to_string()), "{page}");
    let (_, page) = operator.get("/sagas?q=came+twice").await;
    assert!(page.contains(&thrown.to_string()), "{page}");
    world.close().await;
}
