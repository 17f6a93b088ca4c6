//! What breaks a property is named while it flows.

use ballet_stage::{Selector, samples};

use crate::test_console::{PLACED, RESERVED, TestConsole};

const CONFIRMED: &str = "orders.order_confirmed.v1";
const CANCELLED: &str = "orders.order_cancelled.v1";

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_with_two_ends_is_named_with_its_entry_and_counted_for_the_alarm() {
    let world = TestConsole::new("console_violations").await;
    let console = world.console().await;
    let browser = console.browser().await;
    let (well, broken) = (world.id(), world.id());
    let event = |name: &str, saga| world.event(name, saga, None, "{}");
    world.publish([PLACED, RESERVED, CONFIRMED].map(|name| event(name, well)).into()).await;
    world.publish([PLACED, CONFIRMED].map(|name| event(name, broken)).into()).await;
    let copy = event(CANCELLED, broken);
    world.publish(vec![copy.clone(), copy]).await;
    let page = browser.until("/", "the saga has two ends").await;
    assert!(page.contains(&format!("/sagas/{broken}")) && page.contains("entry 5"), "{page}");
    assert!(page.contains("orders.order_confirmed.v1 (entry 4)"), "{page}");
    assert!(page.matches("the saga has two ends").count() == 1, "{page}");

    let stranger = console.stranger();
    let (_, text) = stranger.get("/metrics").await;
    let metrics = samples(&text);
    let count = |property: &str| {
        let mut of = metrics.iter().filter(|one| one.labels["property"] == property);
        of.next().expect("a property").value
    };
    assert_eq!((count("one_end"), count("transition")), (1.0, 0.0));
    let alarms = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/monitoring/alarms.yml");
    let asked = Selector::all_of(&std::fs::read_to_string(alarms).expect("the alarms"));
    let asked: Vec<_> = asked.iter().filter(|of| of.metric.starts_with("console_")).collect();
    assert!(!asked.is_empty() && asked.iter().all(|of| of.is_in(&metrics)), "{asked:?}");

    let (_, services) = browser.get("/services").await;
    assert!(services.contains("What ran of what is declared"), "{services}");
    assert!(services.contains("capture_payment"), "{services}");
    drop(console);
    world.close().await;
}
