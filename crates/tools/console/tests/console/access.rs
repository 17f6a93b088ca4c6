//! Access to the pages.

use ballet_console::{Console, Role, TrustedHeader};
use reqwest::{Method, StatusCode};
use sqlx::{Connection, Executor, PgConnection};

use crate::test_console::{Browser, RunningConsole, TestConsole};

/// One console for all. The guesses lock this address out, and the last part breaks a table.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_logged_in_sees_the_pages_until_the_session_ends_and_nobody_else_does() {
    let world = TestConsole::new("console_access").await;
    let console = world.console().await;
    let browser = console.browser().await;
    nobody_sees_anything_without_logging_in_and_a_session_ends(&world, &console).await;
    the_console_answers_by_its_own_names_alone(&world).await;
    whoever_still_sends_a_form_that_is_refused_gets_the_page_that_says_why(&console).await;
    accounts_are_listed_and_one_that_is_removed_has_no_session_any_more(&world, &console).await;
    a_password_is_tried_a_few_times_and_a_form_from_elsewhere_not_at_all(&console).await;
    a_stranger_is_not_told_what_the_database_says(&world, &browser).await;
    world.close().await;
}

async fn nobody_sees_anything_without_logging_in_and_a_session_ends(
    world: &TestConsole,
    console: &RunningConsole,
) {
    let stranger = console.stranger();
    for path in [
        "/",
        "/sagas?q=a",
        "/dead-letters",
        "/events",
        "/sagas/0193f7a0-0001-7000-8000-000000000001",
    ] {
        let answer = stranger.request(Method::GET, path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert!(
            answer.headers()["location"].to_str().expect("text").starts_with("/login?next=%2F")
        );
    }
    for path in ["/login", "/console.css", "/console.js", "/console.svg", "/health"] {
        assert_eq!(stranger.get(path).await.0, StatusCode::OK, "{path}");
    }
    let browser = console.browser().await;
    assert_eq!(browser.get("/sagas").await.0, StatusCode::OK);
    for path in ["/nowhere", "/sagas/a/b/c", "/login/again", "/logout"] {
        let (status, page) = stranger.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.contains("no page at this address"), "{path}: {page}");
    }
    let cookie = browser.cookie.clone().expect("a cookie");
    let out = browser.form("/logout", "").send().await.expect("an answer");
    assert_eq!(out.status(), StatusCode::SEE_OTHER);
    let answer = browser.request(Method::GET, "/sagas").header("cookie", &cookie).send().await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::SEE_OTHER);
    assert!(world.console().await.first.is_none());
}

async fn a_password_is_tried_a_few_times_and_a_form_from_elsewhere_not_at_all(
    console: &RunningConsole,
) {
    let mut stranger = console.stranger();
    let foreign = stranger
        .request(Method::POST, "/login")
        .header("origin", "http://evil.example")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("name=operator&password=x")
        .send()
        .await
        .expect("an answer");
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let password = &console.first.as_ref().expect("an account").password;
    for _ in 0..5 {
        assert_eq!(stranger.log_in("operator", "guess").await, StatusCode::UNAUTHORIZED);
    }
    let refused = stranger.form("/login", &format!("name=operator&password={password}"));
    let refused = refused.send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait = refused.headers()["retry-after"].to_str().expect("text").parse::<u64>();
    assert!((1..=60).contains(&wait.expect("seconds")));
    assert!(stranger.cookie.is_none());
    // Only the stranger's address is kept out.
    let mut elsewhere = console.stranger_at([127, 0, 0, 2]);
    assert_eq!(elsewhere.log_in("operator", password).await, StatusCode::SEE_OTHER);
}

async fn the_console_answers_by_its_own_names_alone(world: &TestConsole) {
    let console = world
        .console_with(|options| {
            options.hosts = vec!["console.example".to_owned()];
            let header = "x-forwarded-user".to_owned();
            options.trusted = Some(TrustedHeader { header, from: Vec::new(), operators: None });
        })
        .await;
    let stranger = console.stranger();
    // A site whose name leads here speaks to its own origin, with any header.
    for host in
        ["evil.example", "evil.example:7070", "127.0.0.1.evil.example", "localhost.evil", "a b"]
    {
        for (method, path) in
            [(Method::GET, "/"), (Method::GET, "/login"), (Method::POST, "/login")]
        {
            let request = stranger.request(method, path).header("host", host);
            let request = request.header("x-forwarded-user", "operator");
            let request = request.header("sec-fetch-site", "same-origin").body("name=a&password=b");
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST, "{host} {path}");
            assert!(answer.text().await.expect("text").contains("--host NAME"), "{host} {path}");
        }
    }
    for host in
        ["console.example", "Console.Example:443", "localhost:7070", "[::1]:7070", "10.0.0.7"]
    {
        let request = stranger.request(Method::GET, "/").header("host", host);
        let answer = request.header("x-forwarded-user", "ada").send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{host}");
    }
}

async fn whoever_still_sends_a_form_that_is_refused_gets_the_page_that_says_why(
    console: &RunningConsole,
) {
    let (operator, stranger) = (console.browser().await, console.stranger());
    // Far more than the sockets hold.
    let body = format!("why={}", "x".repeat(12 << 20));
    let foreign = || {
        let elsewhere = stranger.request(Method::POST, "/login");
        elsewhere.header("origin", "http://evil.example").body(body.clone())
    };
    for (form, status, says) in [
        (
            operator.form("/dead-letters/act", &body),
            StatusCode::PAYLOAD_TOO_LARGE,
            "The form is too big",
        ),
        (stranger.form("/dead-letters/act", &body), StatusCode::SEE_OTHER, ""),
        (foreign(), StatusCode::FORBIDDEN, "Not sent from here"),
    ] {
        let answer = form.send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        let page = answer.text().await.expect("text");
        assert!(page.contains(says), "{page}");
    }
}

async fn a_stranger_is_not_told_what_the_database_says(world: &TestConsole, browser: &Browser) {
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    db.execute("alter table console.session rename to gone").await.expect("renamed");
    // It is unknown whose cookie it is.
    let (status, page) = browser.get("/sagas").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.contains("database does not answer, or refuses. Its log says why"), "{page}");
    assert!(!page.contains("console.session"), "{page}");
}

async fn accounts_are_listed_and_one_that_is_removed_has_no_session_any_more(
    world: &TestConsole,
    console: &RunningConsole,
) {
    let url = || world.database.url().parse().expect("a URL");
    Console::set_account(url(), "eve", Role::Viewer, "a long password").await.expect("an account");
    let eve = console.browser_of("eve", "a%20long%20password").await;
    assert_eq!(eve.get("/sagas").await.0, StatusCode::OK);
    let all = Console::accounts(url()).await.expect("accounts");
    let expected = [("eve".to_owned(), Role::Viewer), ("operator".to_owned(), Role::Operator)];
    assert_eq!(all, expected);
    assert!(Console::remove_account(url(), "eve").await.expect("removed"));
    assert!(!Console::remove_account(url(), "eve").await.expect("nothing to remove"));
    assert_eq!(eve.get("/sagas").await.0, StatusCode::SEE_OTHER);
    let mut again = console.stranger_at([127, 0, 0, 3]);
    assert_eq!(again.log_in("eve", "a%20long%20password").await, StatusCode::UNAUTHORIZED);
    assert_eq!(Console::accounts(url()).await.expect("accounts"), expected[1..]);
}
