//! The page of a small system.

use serde_json::json;

use super::*;
use crate::contracts::of_services;
use crate::contracts::roles::ConsumerPurpose;

fn schema(meaning: &str) -> Value {
    json!({
        "type": "object", "description": meaning, "required": ["why"],
        "properties": { "why": { "type": "string", "description": "Why | not." } },
    })
}

/// They follow another company's carts, and publish what nobody consumes.
fn orders() -> Value {
    json!({
        "contract": 1, "service": "orders",
        "subscriptions": [{ "name": "carts", "on": "cart.checked_out.v1" }],
        "publishes": ["orders.extra.v1"],
        "events": [
            { "name": "cart.checked_out.v1", "role": "starts_saga", "also_from": ["shopfront"],
                "schema": schema("To buy.\nMore.") },
            { "name": "orders.extra.v1", "role": "plain", "schema": schema("Something"),
                "keys": [{ "name": "reason", "field": "why" },
                    { "name": "cart", "field": "cart_id", "made_here": true }] },
        ],
    })
}

#[test]
fn the_page_says_who_does_what_with_an_event() {
    let page = page(&of_services(&[orders()]));
    for part in [
        "- [`cart.checked_out.v1`](#cartchecked_outv1)\n- [`orders.extra.v1`](#ordersextrav1)\n",
        "## cart.checked_out.v1\n\nTo buy. More.\n\n",
        "It is published by the foreign producer `shopfront`. Consumed by `orders` for `carts`. It may \
         start a saga",
        "No service consumes it. It belongs to no saga. Keys: `reason` (`why`), `cart` (`cart_id`, made \
         here).\n\n- `why` (text): Why | not.\n",
    ] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
}

#[test]
fn those_who_do_the_same_are_named_together() {
    let consumer = |service, purpose| EventConsumer { service, purpose };
    let consumers = [
        consumer("cart", ConsumerPurpose::Copy("product")),
        consumer("orders", ConsumerPurpose::Projection("note_price")),
        consumer("orders", ConsumerPurpose::Copy("product")),
    ];
    assert_eq!(
        consumed_by(&consumers),
        "Consumed by `cart`, `orders` for a copy of `product`; by `orders` for `note_price`."
    );
}

#[test]
fn a_long_list_of_fields_is_on_the_page_once() {
    let field = |name: &str| SchemaField {
        name: name.to_owned(),
        kind: "text".to_owned(),
        required: name != "d",
        meaning: "Any.".to_owned(),
    };
    let long =
        SchemaShape { fields: ["a", "b", "c", "d"].map(field).into(), ..SchemaShape::default() };
    let short = SchemaShape { fields: vec![field("a")], ..SchemaShape::default() };
    let mut shown = PrintedLists::default();
    let first = shown.content("orders.first.v1", &long);
    assert!(first.ends_with("- `d` (text, optional): Any.\n"), "{first}");
    assert_eq!(
        shown.content("orders.second.v1", &long),
        "\nIt has the fields of [`orders.first.v1`](#ordersfirstv1).\n"
    );
    assert_eq!(shown.content("Short", &short), shown.content("Other", &short));
}

#[test]
fn the_page_says_who_reads_telemetry_and_how_long_it_is_kept() {
    let beat = json!({ "name": "orders.beat.v1", "partitions": 4, "kept_days": 2,
        "kept_bytes": 1_000_000_000, "schema": {
            "type": "object", "description": "A beat.", "required": ["at"],
            "properties": { "at": { "type": "string", "description": "When." } },
        } });
    let mut orders = orders();
    orders["publishes_telemetry"] = json!(["orders.beat.v1"]);
    orders["telemetry"] = json!([beat]);
    let nurse = json!({ "contract": 1, "service": "nurse", "events": [], "telemetry": [beat],
        "reads_telemetry": [{ "name": "pulse", "reads": "orders.beat.v1" }] });
    let page = page(&of_services(&[nurse, orders]));
    for part in [
        "### orders.beat.v1\n\nA beat.\n",
        "- Published by `orders`.\n- Read by `nurse`, its reader `pulse`.\n",
        "- 4 streams, `telemetry.orders.beat.v1.0` to `telemetry.orders.beat.v1.3`. Each keeps 2 days",
        "- `at` (text): When.\n",
    ] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
}
