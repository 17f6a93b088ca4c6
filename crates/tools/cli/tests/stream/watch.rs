//! `ballet watch`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ballet::core::topology;
use ballet_amqp::{BasicProperties, Publish};
use ballet_check::contracts::Contracts;
use ballet_testkit::command::{interrupt, lines};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::world::{SOON, StreamWorld};

const PLACED: &str = "orders.order_placed.v1";
const CONFIRMED: &str = "orders.order_confirmed.v1";
const CANCELLED: &str = "orders.order_cancelled.v1";

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/contracts/shop")
}

async fn world(name: &str) -> StreamWorld {
    let shop = Contracts::read(&contracts()).expect("contracts");
    let definitions = topology::definitions(shop.system(), |_| String::new());
    StreamWorld::with(name, &definitions).await
}

fn of_saga(saga: u64, number: u64, name: &str) -> Publish {
    let id = |kind: &str, number: u64| format!("0193f7a0-0000-7000-8000-{kind}{number:08}");
    let properties = BasicProperties::default()
        .with_type(name.into())
        .with_app_id("orders".into())
        .with_message_id(id("0001", saga * 100 + number).into())
        .with_correlation_id(id("0002", saga).into());
    Publish {
        exchange: "events".to_owned(),
        routing_key: name.to_owned(),
        mandatory: false,
        properties,
        body: b"{}".to_vec().into(),
    }
}

#[tokio::test]
async fn watch_names_what_breaks_a_property_and_says_what_has_run() {
    let world = world("watch").await;
    let folder = contracts().display().to_string();
    let watch = ["watch", "--contracts", &folder, "--from", "first", "--until", "now"];
    let order = |saga, names: &[&str]| -> Vec<Publish> {
        (0..).zip(names).map(|(number, name)| of_saga(saga, number, name)).collect()
    };
    world.publish(order(1, &[PLACED, CONFIRMED])).await;
    let well = world.ballet(&watch).await.ends_with(0);
    assert!(well.out.is_empty(), "{}", well.out);

    world.publish(order(2, &[PLACED, CONFIRMED, CANCELLED])).await;
    let said = world.ballet(&[&watch[..], &["--coverage"]].concat()).await.ends_with(3).out;
    for part in [
        "one_end saga 0193f7a0-0000-7000-8000-000200000002",
        "orders.order_cancelled.v1 of orders, entry 4: the saga has two ends",
        "orders.order_confirmed.v1 (entry 3)",
        "do: ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let row = said.lines().find(|line| line.contains("reserve_stock")).expect("its row");
    assert!(row.trim_end().ends_with("ran"), "{said}");
    let json = world.ballet(&[&watch[..], &["-o", "json", "--coverage"]].concat()).await;
    let document: Value = serde_json::from_str(&json.ends_with(3).out).expect("JSON");
    assert_eq!(document["violations"][0]["property"], "one_end");
    assert_eq!(document["coverage"][0]["saga"], "order_fulfillment");
    assert_eq!(document["read"]["entries"], 5);
    world.close().await;
}

#[tokio::test]
async fn watch_is_live_and_ends_after_its_time_or_with_ctrl_c() {
    let world = world("watch_live").await;
    let folder = contracts().display().to_string();
    let arguments = ["watch", "--contracts", &folder, "-o", "jsonl"];
    let mut watch = world.command(&arguments).spawn().expect("started");
    let mut out = BufReader::new(watch.stdout.take().expect("output")).lines();
    // Nothing shows when it has begun, so this publishes until it prints.
    let mut saga = 0;
    let first = loop {
        saga += 1;
        let both = [CONFIRMED, CANCELLED];
        world.publish((0..).zip(both).map(|(at, name)| of_saga(saga, at, name)).collect()).await;
        if let Ok(line) = timeout(Duration::from_millis(300), out.next_line()).await {
            break line.expect("read").expect("a line");
        }
    };
    let first = &lines(&first)[0];
    assert_eq!((&first["property"], &first["event_type"]), (&"one_end".into(), &CANCELLED.into()));
    interrupt(&watch);
    let status = timeout(SOON, watch.wait()).await.expect("in time").expect("ended");
    assert_eq!(status.code(), Some(3));
    let timed = [&arguments[..], &["--for", "1s"]].concat();
    world.ballet(&timed).await.ends_with(0);
    world.close().await;
}
