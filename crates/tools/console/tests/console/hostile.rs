//! Text from others stays text.

use reqwest::Method;

use crate::test_console::{PLACED, TestConsole};

const SCRIPT: &str = "<script>alert(1)</script>";
const RTL: &str = "\u{202e}desrever";

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_payload_shows_as_text_on_every_page() {
    let world = TestConsole::new("console_hostile").await;
    let console = world.console().await;
    let browser = console.browser().await;
    let saga = world.id();
    let note = format!("{SCRIPT}{RTL}");
    let big = "x".repeat(1024 * 1024);
    let odd = format!("orders.{SCRIPT}.v1");
    let messages = vec![
        world.event(PLACED, saga, None, &format!(r#"{{"order_id":"{note}","note":"a\u0000b"}}"#)),
        world.event(&odd, saga, None, &note),
        world.event("orders.order_big.v1", saga, None, &format!("\"{big}\"")),
        world.event("orders.order_nul.v1", saga, None, "a\0b"),
        world.dead("inventory", PLACED, saga, &format!("it says {note}"), note.as_bytes()),
    ];
    world.publish(messages).await;
    let page = browser.until(&format!("/sagas/{saga}"), "order_nul").await;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(page.contains("a\u{2400}b") && page.contains("of 1,048,578 bytes"));
    assert!(page.contains("\\u0000") && page.contains(RTL));
    assert!(page.len() < 512 * 1024, "{} bytes", page.len());
    let (_, dead) = browser.get("/dead-letters").await;
    let at = dead.find("/dead-letters/inventory/").expect("a link");
    let whole = dead[at..].split('"').next().expect("a path").to_owned();
    let searched = format!("/sagas?q={}", "%3Cscript%3Ealert(1)%3C/script%3E%00");
    for path in [
        "/",
        "/sagas",
        &searched,
        "/sagas?state=%3Cscript%3E&saga=%00",
        "/dead-letters",
        &whole,
        "/events",
    ] {
        let answer = browser.request(Method::GET, path).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let policy = answer.headers()["content-security-policy"].to_str().expect("text").to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let page = answer.text().await.expect("text");
        assert!(!page.contains(SCRIPT) && !page.contains('\0'), "{path}: {page}");
        assert!(
            !page.contains("<style") && !page.contains(" style=") && !page.contains("onclick"),
            "{path}"
        );
    }
    world.close().await;
}
