//! A saga with more entries than are shown, and judged.

use crate::test_console::{PLACED, RESERVED, TestConsole};

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_with_very_many_entries_keeps_no_other_from_being_judged() {
    let world = TestConsole::new("console_very_many").await;
    let console = world.console().await;
    let browser = console.browser().await;
    let (long, other) = (world.id(), world.id());
    world.publish(vec![world.event(PLACED, long, None, "{}")]).await;
    browser.until(&format!("/sagas/{long}"), "state waiting").await;
    world.repeat(long, 20_000).await;
    let again = world.event(RESERVED, long, None, "{}");
    world.publish(vec![again, world.event(PLACED, other, None, "{}")]).await;
    browser.until(&format!("/sagas/{other}"), "state waiting").await;
    let (_, page) = browser.get(&format!("/sagas/{long}")).await;
    let says = "The first 1,000 and the last 1,000 of more than 10,000 entries";
    assert!(page.contains(says) && page.contains("It is judged by 10,000 of them"), "{page}");
    assert_eq!(page.matches("<li class=\"entry").count(), 2_000);
    world.close().await;
}
