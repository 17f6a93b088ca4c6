//! Actions on the pages: permissions, questions, outcomes, and the trail.

use ballet_console::{Console, Network, OperatorGroup, Options, Role, TrustedHeader};
use reqwest::{Method, StatusCode};

use crate::test_console::{Browser, PLACED, RESERVED, RunningConsole, TestConsole};

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_edits_and_sends_back_and_a_viewer_changes_nothing() {
    let world = TestConsole::new("console_acts").await;
    let console = world.console().await;
    let operator = console.browser().await;
    a_viewer_changes_nothing_and_sees_no_body_that_cannot_be_masked(&world, &console, &operator)
        .await;
    a_dead_letter_is_edited_and_sent_back_and_its_saga_goes_on(&world, &operator).await;
    world.close().await;
}

async fn a_dead_letter_is_edited_and_sent_back_and_its_saga_goes_on(
    world: &TestConsole,
    operator: &Browser,
) {
    let (saga, order) = (world.id(), world.id());
    let dead = world.dead(
        "payments",
        RESERVED,
        saga,
        "lines is no list",
        format!(r#"{{"lines":"none","order_id":"{order}"}}"#).as_bytes(),
    );
    let placed = world.event(PLACED, saga, None, "{}");
    world.publish(vec![placed, world.event(RESERVED, saga, None, "{}"), dead]).await;
    operator.until("/", "lines is no list").await;
    let page = operator.until("/dead-letters", "lines is no list").await;
    let at = page.find("/dead-letters/payments/").expect("a link");
    let letter = page[at..].split('"').next().expect("a path").to_owned();
    let edit = format!("{letter}/edit");
    let body =
        |lines: &str| format!("%7B%22lines%22%3A{lines}%2C%22order_id%22%3A%22{order}%22%7D");

    // Nothing is changed.
    let wrong = format!("why=tried&body={}", body("7"));
    let (status, page) = operator.act(&edit, &edit, &wrong).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        page.contains("Nothing was changed") && page.contains("lines: an array is wanted"),
        "{page}"
    );
    let right = body("%5B%5D");
    let (status, page) = operator.act(&edit, &edit, &format!("body={right}")).await;
    assert!(status == StatusCode::BAD_REQUEST && page.contains("Say why"), "{page}");
    let (_, seen_before) = operator.get(&edit).await;
    let (status, action) =
        operator.act(&edit, &edit, &format!("why=a+typing+error&body={right}")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{action}");
    operator.until(&action, "It has a new body").await;
    // Whoever still sees the old body overwrites nothing.
    let second = format!("why=two&body={}", body("%5B7%5D"));
    let (status, page) = operator.fill_in(&seen_before, &edit, &second).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{page}");
    assert!(page.contains("by somebody else"), "{page}");
    let page = operator.until(&letter, "a typing error").await;
    assert!(page.contains("<strong>operator</strong>"), "{page}");
}

async fn a_viewer_changes_nothing_and_sees_no_body_that_cannot_be_masked(
    world: &TestConsole,
    console: &RunningConsole,
    operator: &Browser,
) {
    let url = || world.database.url().parse().expect("a URL");
    Console::set_account(url(), "eve", Role::Viewer, "a long password").await.expect("an account");
    let viewer = console.browser_of("eve", "a%20long%20password").await;
    let saga = world.id();
    let dead = world.dead("shipping", PLACED, saga, "no ship 17", b"{}");
    let odd = world.event("orders.order_odd.v1", saga, None, r#"{"name":"Grace"}"#);
    world.publish(vec![world.event(PLACED, saga, None, "{}"), odd, dead]).await;
    let at = format!("/sagas/{saga}");
    let page = operator.until(&at, "order_odd").await;
    assert!(page.contains("Grace"), "{page}");
    let (_, page) = viewer.get(&at).await;
    assert!(!page.contains("Grace") && page.contains("an operator may see it"), "{page}");
    let page = operator.until("/dead-letters", "no ship").await;
    assert!(page.contains("Send back or discard"), "{page}");
    let (_, page) = viewer.get("/dead-letters").await;
    assert!(!page.contains("Send back or discard"), "{page}");
    let forms = [
        ("/dead-letters/act".to_owned(), "act=redrive&service=inventory&why=x"),
        (format!("/sagas/{saga}/stop"), "name=order_fulfillment&why=x"),
        (format!("/retry?service=inventory&saga={saga}"), "what=inbox&why=x"),
        (format!("/sagas/{saga}/solved"), "act=solve&step=inventory%2Freserve_stock&why=x"),
        (format!("/sagas/{saga}/unmasked"), "why=x"),
    ];
    let act = "/dead-letters/act?service=inventory";
    assert_eq!(viewer.get(act).await.0, StatusCode::FORBIDDEN);
    for (to, fields) in &forms {
        let (status, page) = viewer.act("/actions", to, fields).await;
        assert!(
            status == StatusCode::FORBIDDEN && page.contains("Only an operator"),
            "{to}: {page}"
        );
        // Another site's page cannot send in an operator's name.
        let foreign = operator.request(Method::POST, to).header("origin", "http://evil.example");
        let answer = foreign.body(*fields).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{to} from elsewhere");
    }
    let (_, trail) = operator.get("/actions").await;
    assert!(trail.contains("Nobody has done anything yet"), "{trail}");
    // The page says why nothing was done, and the attempt is recorded.
    let stop = format!("/sagas/{saga}/stop");
    let (_, action) = operator.act(&stop, &stop, "name=order_fulfillment&why=a+strike").await;
    operator.until(&action, "the database of orders: its address is not known").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sees_a_personal_field_says_why_and_a_gateway_says_who_it_is() {
    let world = TestConsole::new("console_unmask").await;
    let trusted = |from: Vec<Network>| {
        Some(TrustedHeader { header: "x-forwarded-user".to_owned(), from, operators: None })
    };
    let console = world.console_with(|options| options.trusted = trusted(Vec::new())).await;
    let operator = console.browser().await;
    let saga = world.id();
    let address = r#"{"order_id":"o-1","ship_to":{"name":"Ada Lovelace","country":"NL"}}"#;
    world.publish(vec![world.event(PLACED, saga, None, address)]).await;
    let (at, unmasked) = (format!("/sagas/{saga}"), format!("/sagas/{saga}/unmasked"));
    let page = operator.until(&at, "o-1").await;
    assert!(!page.contains("Lovelace"), "{page}");
    assert_eq!(operator.act(&at, &unmasked, "why=+").await.0, StatusCode::BAD_REQUEST);
    let (status, page) = operator.act(&at, &unmasked, "why=the+customer+called").await;
    assert!(status == StatusCode::OK && page.contains("Lovelace"), "{page}");
    let page = operator.until(&at, "the customer called").await;
    assert!(!page.contains("Lovelace"), "{page}");

    // Behind a gateway nobody logs in. Without an account a person may see, but not act.
    let as_user = |browser: &Browser, name: &str| {
        browser.request(Method::GET, "/sagas").header("x-forwarded-user", name.to_owned())
    };
    let stranger = console.stranger();
    for (name, may) in [("operator", true), ("somebody", true), (" ", false)] {
        let answer = as_user(&stranger, name).send().await.expect("an answer");
        assert_eq!(answer.status() == StatusCode::OK, may, "{name:?}");
    }
    let elsewhere = "192.0.2.7".parse().expect("an address");
    let other = world.console_with(|options| options.trusted = trusted(vec![elsewhere])).await;
    let answer = as_user(&other.stranger(), "operator").send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "only the gateway is believed");

    // Where a group says who may act, no account does.
    let group =
        OperatorGroup { name: "on call".to_owned(), header: "x-forwarded-groups".to_owned() };
    let set = |options: &mut Options| {
        let trusted = trusted(Vec::new()).expect("a header");
        options.trusted = Some(TrustedHeader { operators: Some(group), ..trusted });
    };
    let grouped = world.console_with(set).await;
    let stranger = grouped.stranger();
    let act = "/dead-letters/act?service=inventory";
    for (name, groups, may) in [
        ("ada", "staff,on call", true),
        ("ada", "on call|staff", true),
        ("ada", "staff, not on call", false),
        ("operator", "", false),
    ] {
        let request = stranger.request(Method::GET, act).header("x-forwarded-user", name);
        let answer = request.header("x-forwarded-groups", groups).send().await.expect("an answer");
        assert_eq!(answer.status() != StatusCode::FORBIDDEN, may, "{name}: {groups}");
        let page = answer.text().await.expect("text");
        assert!(may || page.contains("a member of the group on call"), "{page}");
    }
    world.close().await;
}
