//! Commands without a server: a system's events, its picture, and the manual.

use std::fs;
use std::path::Path;
use std::process::Command;

use ballet_testkit::command::CommandOutput;
use serde_json::{Value, json};

fn ballet(arguments: &[&str]) -> CommandOutput {
    ballet_on(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/contracts/shop"),
        arguments,
    )
}

fn ballet_on(contracts: &Path, arguments: &[&str]) -> CommandOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
    let output = command.args(arguments).env("BALLET_CONTRACTS", contracts).output();
    output.expect("it runs").into()
}

#[test]
fn the_catalog_lists_every_event_with_stable_names() {
    let rows = ballet(&["catalog", "-o", "jsonl"]).ends_with(0).lines();
    assert_eq!(rows.len(), shop::system().known_types().len());
    for row in &rows {
        let keys: Vec<&String> = row.as_object().expect("an object").keys().collect();
        let mut keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "also_from",
                "consumed_by",
                "event",
                "keys",
                "meaning",
                "published_by",
                "role",
                "sagas",
                "schema"
            ]
        );
    }
    let checked_out = rows.iter().find(|row| row["event"] == "cart.checked_out.v1").expect("a row");
    assert_eq!(checked_out["also_from"][0], "storefront");
    assert_eq!(checked_out["role"], "starts_saga");
    let cart = json!({ "name": "cart", "field": "cart_id", "made_here": false });
    assert_eq!(checked_out["keys"][0], cart);
    let table = ballet(&["catalog"]).out;
    assert_eq!(table.lines().count(), rows.len() + 1, "{table}");
}

#[test]
fn an_event_is_shown_with_its_fields_and_what_it_is_for() {
    ballet(&["catalog", "payment_authorized"]).ends_with(0).prints(&[
        "payments.payment_authorized.v1",
        "published by payments",
        "consumed by shipping, in step schedule_shipment",
        "amount.currency",
        "The currency, three capital letters as in ISO 4217.",
    ]);
    let out = ballet(&["catalog", "shipment_scheduled"]).out;
    let line = |field: &str| out.lines().find(|line| line.starts_with(field)).expect("a field");
    assert!(line("shipment_id").contains("shipment, made here"), "{out}");
    assert!(line("order_id").contains(" order "), "{out}");
    let out = ballet(&["catalog", "stock_reserved"]).out;
    let sku = |line: &str| line.starts_with("lines[].sku ") && line.contains(" product ");
    assert!(out.lines().any(sku), "{out}");
    let err = ballet(&["catalog", "authorized"]).ends_with(2).err;
    assert!(err.contains("there is payments.payment_authorized.v1"), "{err}");
    ballet(&["catalog", "nonsense"]).ends_with(2);
}

#[test]
fn contracts_that_were_written_by_hand_declare_the_abort_and_keys_or_none() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("keys-{}", std::process::id()));
    let folder = place.join("shop");
    fs::create_dir_all(&folder).expect("a folder");
    for file in fs::read_dir(repository.join("docs/contracts/shop")).expect("a folder") {
        let file = file.expect("a file");
        fs::copy(file.path(), folder.join(file.file_name())).expect("copied");
    }
    let by_hand = repository.join("examples/python-loyalty/loyalty.json");
    let by_hand = fs::read_to_string(by_hand).expect("a contract");
    let check = |change: fn(&mut Value)| {
        let mut contract: Value = serde_json::from_str(&by_hand).expect("JSON");
        for event in contract["events"].as_array_mut().expect("events") {
            change(event);
        }
        fs::write(folder.join("loyalty.json"), contract.to_string()).expect("written");
        ballet_on(&folder, &["check"])
    };
    check(|_| {}).ends_with(0);
    check(|event| drop(event.as_object_mut().map(|it| it.remove("keys")))).ends_with(0);
    let unknown = check(|event| {
        if event["name"] == "loyalty.points_granted.v1" {
            event["keys"] = json!([{ "name": "customer", "field": "customer" }]);
        }
    });
    unknown.ends_with(1).tells(&["no such field: it has the fields customer_id, points"]);
    // It would not get the order's cancellation.
    let by_hand: Value = serde_json::from_str(&by_hand).expect("JSON");
    let mut unaware = by_hand.clone();
    unaware["sagas"][0].as_object_mut().expect("a saga").remove("abort");
    fs::write(folder.join("loyalty.json"), unaware.to_string()).expect("written");
    let never = "loyalty, that it is owned by orders, and is never aborted";
    ballet_on(&folder, &["check"]).ends_with(1).tells(&[never]);
    fs::write(folder.join("loyalty.json"), by_hand.to_string()).expect("written");

    for file in fs::read_dir(&folder).expect("a folder") {
        let file = file.expect("a file").path();
        let text = fs::read_to_string(&file).expect("a contract");
        let mut contract: Value = serde_json::from_str(&text).expect("JSON");
        for event in contract["events"].as_array_mut().expect("events") {
            event.as_object_mut().expect("an object").remove("keys");
        }
        fs::write(file, contract.to_string()).expect("written");
    }
    let err = ballet_on(&folder, &["sagas", "show", "order=17"]).ends_with(2).err;
    assert!(err.contains("no contract declares a business key"), "{err}");
    fs::remove_dir_all(place).expect("removed");
}

#[test]
fn a_saga_is_drawn() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/shop");
    let out = ballet(&["diagram"]).ends_with(0).out;
    assert_eq!(out, fs::read_to_string(docs.join("order_fulfillment.svg")).expect("a picture"));
    ballet(&["diagram", "refunds"]).ends_with(2).says(&["there is order_fulfillment"]);
}
