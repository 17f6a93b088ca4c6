//! The content of each page.

use reqwest::StatusCode;

use crate::test_console::{Browser, PLACED, RESERVED, TestConsole};

/// First nothing has happened, then a saga hangs, and then two end.
#[tokio::test(flavor = "multi_thread")]
async fn each_page_has_what_has_happened_and_an_empty_console_says_what_it_does_not_know() {
    let world = TestConsole::new("console_pages").await;
    let console = world.console().await;
    let browser = console.browser().await;
    before_anything_happens_the_pages_say_so(&browser).await;
    a_saga_that_hangs_is_found_from_the_first_page_and_ends_when_it_goes_on(&world, &browser).await;
    a_saga_is_shown_to_its_end_with_what_was_undone(&world, &browser).await;
    world.close().await;
}

async fn before_anything_happens_the_pages_say_so(browser: &Browser) {
    let page = browser.until("/services", "its address is not given").await;
    assert!(page.contains("No saga is open.") && page.contains("not known: the console"), "{page}");
    let (_, page) = browser.get("/events").await;
    assert!(page.contains(&format!("/events/{PLACED}")), "{page}");
    let (_, page) = browser.get(&format!("/events/{PLACED}")).await;
    for says in ["order_id", "JSON Schema", "reserve_stock", "never seen"] {
        assert!(page.contains(says), "{says}: {page}");
    }
    for nothing in ["/events/none.such.v1", "/sagas/none"] {
        assert_eq!(browser.get(nothing).await.0, StatusCode::NOT_FOUND, "{nothing}");
    }
}

async fn a_saga_that_hangs_is_found_from_the_first_page_and_ends_when_it_goes_on(
    world: &TestConsole,
    browser: &Browser,
) {
    let (saga, order) = (world.id(), world.id());
    let placed = world.event(PLACED, saga, None, &format!(r#"{{"order_id":"{order}"}}"#));
    let dead = world.dead("inventory", PLACED, saga, "no shelf 17 in the warehouse", b"{}");
    world.publish(vec![placed, dead]).await;

    let page = browser.until("/", "no shelf 17").await;
    assert!(page.contains("What hangs, and why"), "{page}");
    assert!(page.contains("<strong>inventory</strong>"), "{page}");
    let last = &saga.to_string()[28..];
    for text in
        ["shelf%2017", &saga.to_string(), last, &order.to_string(), &order.to_string()[..13]]
    {
        let page = browser.until(&format!("/sagas?q={text}"), &saga.to_string()).await;
        assert!(page.contains("row stuck"), "{page}");
    }
    for filter in [
        "state=stuck",
        "service=inventory&step=reserve_stock",
        "reason=failed",
        "saga=order_fulfillment",
    ] {
        browser.until(&format!("/sagas?{filter}"), &saga.to_string()).await;
    }
    for filter in
        ["state=completed", "service=orders", "reason=permanent", "age=1h", "q=shelf%2018"]
    {
        let (status, page) = browser.get(&format!("/sagas?{filter}")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("No saga is like that."), "{filter}: {page}");
    }
    let page = browser.until(&format!("/sagas/{saga}"), "It waits").await;
    for says in [
        "has not acted on orders.order_placed.v1",
        "ballet dlq redrive",
        "expected next",
        "order_fulfillment",
    ] {
        assert!(page.contains(says), "{says}: {page}");
    }
    let page = browser.until("/dead-letters", "no shelf").await;
    assert!(page.contains("inventory"), "{page}");
    let at = page.find("/dead-letters/inventory/").expect("a link");
    let path = page[at..].split('"').next().expect("a path");
    let page = browser.until(path, "no shelf 17 in the warehouse").await;
    assert!(page.contains("x-dead-step"), "{page}");

    world.publish(vec![world.event(RESERVED, saga, None, "{}")]).await;
    let page = browser.until(&format!("/sagas/{saga}"), "state waiting").await;
    assert!(page.contains("payments"), "{page}");
    let page = browser.until("/", "No saga hangs.").await;
    let lane = "/sagas?service=payments&amp;step=authorize_payment";
    assert!(page.contains("class=\"lanes\"") && page.contains(lane), "{page}");
    world.publish(vec![world.event("orders.order_eaten.v1", saga, None, "{}")]).await;
    browser.until("/", "no contract declares it").await;
}

async fn a_saga_is_shown_to_its_end_with_what_was_undone(world: &TestConsole, browser: &Browser) {
    let (done, undone) = (world.id(), world.id());
    let all = |saga, names: &[&str]| {
        names.iter().map(|name| world.event(name, saga, None, "{}")).collect::<Vec<_>>()
    };
    let to_the_end = [
        PLACED,
        RESERVED,
        "payments.payment_authorized.v1",
        "shipping.shipment_scheduled.v1",
        "payments.payment_captured.v1",
        "orders.order_confirmed.v1",
        "inventory.stock_committed.v1",
        "shipping.shipment_dispatched.v1",
        "shipping.shipment_delivered.v1",
        "orders.order_completed.v1",
    ];
    world.publish(all(done, &to_the_end)).await;
    world.publish(all(undone, &[PLACED, RESERVED, "payments.payment_declined.v1"])).await;
    let page = browser
        .until(&format!("/sagas/{undone}"), "has not acted on payments.payment_declined.v1")
        .await;
    assert!(page.contains("state waiting"), "{page}");
    world.publish(all(undone, &["orders.order_cancelled.v1"])).await;
    let page = browser.until(&format!("/sagas/{undone}"), "to be undone").await;
    assert!(
        page.contains("has done reserve_stock in an aborted saga, but has not undone it"),
        "{page}"
    );
    world.publish(all(undone, &["inventory.stock_released.v1"])).await;
    let page = browser.until(&format!("/sagas/{undone}"), "state aborted").await;
    for class in ["class=\"undone\"", "class=\"refused\"", "class=\"not-taken\""] {
        assert!(page.contains(class), "{class}: {page}");
    }
    let page = browser.until(&format!("/sagas/{done}"), "state completed").await;
    assert!(!page.contains("class=\"expected\"") && !page.contains("class=\"later\""), "{page}");
    browser.until("/sagas?state=completed", &done.to_string()).await;
}
