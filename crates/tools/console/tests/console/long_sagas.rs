//! Sagas with more entries than are shown, and judged.

use sqlx::{Connection, PgConnection};

use crate::observer::until;
use crate::test_console::{Browser, PLACED, RESERVED, TestConsole};

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_with_very_many_entries_is_judged_by_no_more_than_it_may_cost() {
    let world = TestConsole::new("console_very_many").await;
    let console = world.console().await;
    let browser = console.browser().await;
    a_saga_with_very_many_entries_is_marked_and_keeps_no_other_from_being_judged(&world, &browser)
        .await;
    a_saga_that_has_ended_stays_so_when_it_has_very_many_entries(&world, &browser).await;
    world.close().await;
}

async fn a_saga_with_very_many_entries_is_marked_and_keeps_no_other_from_being_judged(
    world: &TestConsole,
    browser: &Browser,
) {
    let (long, other) = (world.id(), world.id());
    world.publish(vec![world.event(PLACED, long, None, "{}")]).await;
    browser.until(&format!("/sagas/{long}"), "state waiting").await;
    world.repeat(long, 20_000).await;
    let again = world.event(RESERVED, long, None, "{}");
    world.publish(vec![again, world.event(PLACED, other, None, "{}")]).await;
    browser.until(&format!("/sagas/{other}"), "state waiting").await;
    let page = browser.until("/sagas?state=stuck", "more than 10,000 entries").await;
    assert!(page.contains(&long.to_string()) && page.contains("order_fulfillment"), "{page}");
    let (_, page) = browser.get(&format!("/sagas/{long}")).await;
    let says = "The first 1,000 and the last 1,000 of more than 10,000 entries";
    assert!(page.contains(says) && page.contains("too many entries to judge it"), "{page}");
    assert_eq!(page.matches("<li class=\"entry").count(), 2_000);
    for says in ["e-20000", "e-19001"] {
        assert!(page.contains(says), "{says}: {page}");
    }
}

async fn a_saga_that_has_ended_stays_so_when_it_has_very_many_entries(
    world: &TestConsole,
    browser: &Browser,
) {
    let saga = world.id();
    let declined = [PLACED, "inventory.stock_reservation_failed.v1", "orders.order_cancelled.v1"];
    world.publish(declined.map(|name| world.event(name, saga, None, "{}")).to_vec()).await;
    browser.until(&format!("/sagas/{saga}"), "state aborted").await;
    world.repeat(saga, 10_000).await;
    world.publish(vec![world.event(RESERVED, saga, None, "{}")]).await;
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    let judged = "select count(*) from console.saga where last_type = 'inventory.stock_reserved.v1' \
                  and ended = 'aborted' and not is_dead and detail is null";
    until(&mut db, judged, 1).await;
}
