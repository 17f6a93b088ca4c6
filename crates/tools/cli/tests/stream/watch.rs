//! `ballet watch`.

use std::path::{Path, PathBuf};

use ballet::core::topology;
use ballet_amqp::{BasicProperties, Publish};
use ballet_check::contracts::Contracts;
use serde_json::Value;

use crate::world::StreamWorld;

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
    let timed = ["watch", "--contracts", &folder, "--for", "1s"];
    world.ballet(&timed).await.ends_with(0);
    world.close().await;
}
