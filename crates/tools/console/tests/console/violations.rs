//! What breaks a property is named while it flows.

use ballet_amqp::Publish;
use ballet_console::Options;
use ballet_stage::{Selector, samples};
use jiff::SignedDuration;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::observer::until;
use crate::test_console::{PLACED, RESERVED, TestConsole};

const CAPTURED: &str = "payments.payment_captured.v1";
const CONFIRMED: &str = "orders.order_confirmed.v1";
const CANCELLED: &str = "orders.order_cancelled.v1";

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_with_two_ends_is_named_with_its_entry_and_counted_for_the_alarm() {
    let world = TestConsole::new("console_violations").await;
    let console = world.console().await;
    let browser = console.browser().await;
    let (well, broken, second) = (world.id(), world.id(), world.id());
    let event = |name: &str, saga| world.event(name, saga, None, "{}");
    world.publish([PLACED, RESERVED, CONFIRMED].map(|name| event(name, well)).into()).await;
    world.publish([PLACED, CONFIRMED].map(|name| event(name, broken)).into()).await;
    let copy = event(CANCELLED, broken);
    world.publish(vec![copy.clone(), copy]).await;
    let page = browser.until("/", "the saga has two ends").await;
    assert!(page.contains(&format!("/sagas/{broken}")) && page.contains("entry 5"), "{page}");
    assert!(page.contains("orders.order_confirmed.v1 (entry 4)"), "{page}");
    assert!(page.matches("the saga has two ends").count() == 1, "{page}");
    // The same of another saga is in the same row, and each has its own on its page.
    world.publish([CONFIRMED, CANCELLED].map(|name| event(name, second)).into()).await;
    let page = browser.until("/", "one of <strong>2</strong> alike").await;
    assert!(page.matches("the saga has two ends").count() == 1, "{page}");
    let page = browser.until(&format!("/sagas/{broken}"), "the saga has two ends").await;
    assert!(page.contains("<a href=\"#e5\">") && page.contains("id=\"e5\""), "{page}");
    let (_, page) = browser.get(&format!("/sagas/{well}")).await;
    assert!(!page.contains("What breaks a property"), "{page}");

    let stranger = console.stranger();
    let (_, text) = stranger.get("/metrics").await;
    let metrics = samples(&text);
    let count = |property: &str| {
        let mut of = metrics.iter().filter(|one| one.labels["property"] == property);
        of.next().expect("a property").value
    };
    assert_eq!((count("one_end"), count("transition")), (2.0, 0.0));
    let alarms = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/monitoring/alarms.yml");
    let asked = Selector::all_of(&std::fs::read_to_string(alarms).expect("the alarms"));
    let asked: Vec<_> = asked.iter().filter(|of| of.metric.starts_with("console_")).collect();
    assert!(!asked.is_empty() && asked.iter().all(|of| of.is_in(&metrics)), "{asked:?}");

    let (_, page) = browser.get("/coverage").await;
    assert!(page.contains("capture_payment") && page.contains("never ran"), "{page}");
    assert!(page.contains("None since this console"), "{page}");
    let saga = world.id();
    let placed = event(PLACED, saga);
    let id = placed.properties.message_id().as_ref().and_then(|id| id.as_str().parse().ok());
    world.publish(vec![placed, world.event(CAPTURED, saga, id, "{}")]).await;
    browser.until("/coverage", "payment_captured<span").await;
    drop(console);
    world.close().await;
}

/// The console was away in between, and the journal had no entry when the time was over.
#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_stays_is_named_at_the_journals_end_by_a_console_that_was_started_again() {
    let world = TestConsole::new("console_absent").await;
    let patience = |options: &mut Options| options.patience = SignedDuration::from_secs(1);
    let mut console = world.console_with(patience).await;
    let first = console.first.take().expect("the first start");
    let saga = world.id();
    let caused = |name, saga, cause| world.event(name, saga, Some(cause), "{}");
    let early = |event: Publish, minutes| {
        let id = world.clock.new_id(world.clock.now() - SignedDuration::from_mins(minutes));
        let properties = event.properties.clone().with_message_id(id.to_string().into());
        (Publish { properties, ..event }, id)
    };
    let begun = |saga, minutes| early(world.event(PLACED, saga, None, "{}"), minutes);
    let (placed, id) = begun(saga, 30);
    let (reserved, _) = early(caused(RESERVED, saga, id), 29);
    let (cancelled, _) = early(world.event(CANCELLED, saga, None, "{}"), 20);
    world.publish(vec![placed, reserved, cancelled]).await;
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    until(&mut db, "select count(*) from console.entry", 3).await;
    drop(console);
    let console = world.console_with(patience).await;
    let browser = console.browser_of(first.name, &first.password).await;
    // Now its service is known to have handled later messages.
    let other: Uuid = world.id();
    let (placed, id) = begun(other, 10);
    world.publish(vec![placed, caused(RESERVED, other, id)]).await;
    let page = browser.until(&format!("/sagas/{saga}"), "aborts the saga, and no").await;
    assert!(page.contains("inventory.stock_released.v1"), "{page}");
    drop(console);
    world.close().await;
}
