//! The page of a small system.

use serde_json::json;

use super::*;
use crate::contracts::of_services;

#[test]
fn the_page_says_who_does_what_with_an_event_and_with_telemetry() {
    let schema = |meaning: &str| {
        json!({
            "type": "object", "description": meaning, "required": ["why"],
            "properties": { "why": { "type": "string", "description": "Why | not." } },
        })
    };
    let beat = json!({ "name": "orders.beat.v1", "partitions": 4, "kept_days": 2,
        "kept_bytes": 1_000_000_000, "schema": schema("A beat.") });
    let orders = json!({
        "contract": 1, "service": "orders",
        "subscriptions": [{ "name": "carts", "on": "cart.checked_out.v1" }],
        "publishes": ["orders.extra.v1"],
        "publishes_telemetry": ["orders.beat.v1"],
        "telemetry": [beat],
        "events": [
            { "name": "cart.checked_out.v1", "role": "starts_saga", "also_from": ["shopfront"],
                "schema": schema("To buy.\nMore.") },
            { "name": "orders.extra.v1", "role": "plain", "schema": schema("Something"),
                "keys": [{ "name": "reason", "field": "why" },
                    { "name": "cart", "field": "cart_id", "made_here": true }] },
        ],
    });
    let nurse = json!({ "contract": 1, "service": "nurse", "events": [], "telemetry": [beat],
        "reads_telemetry": [{ "name": "pulse", "reads": "orders.beat.v1" }] });
    let page = page(&of_services(&[nurse, orders]));
    for part in [
        "- [`cart.checked_out.v1`](#cartchecked_outv1)\n- [`orders.extra.v1`](#ordersextrav1)\n",
        "## cart.checked_out.v1\n\nTo buy. More.\n\n- Published by `shopfront`.\n- Consumed by `orders`, for carts.\n\
         - It may start a saga",
        "- It belongs to no saga.\n- Keys: `reason` (`why`), `cart` (`cart_id`, made here).\n\n",
        "| `why` | text | yes | Why \\| not. |\n",
        "### orders.beat.v1\n\nA beat.\n\n- Read by `nurse`, as `pulse`.\n- Published by `orders`.\n",
        "- Streams: 4, from `telemetry.orders.beat.v1.0` on. Each keeps 2 days, or 1000 MB if that is less.\n\n| field",
    ] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
}
