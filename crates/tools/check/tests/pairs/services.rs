//! Pairs for the rules of what a service declares besides its sagas.

use serde_json::{Value, json};

use crate::design::{
    CANCELLED, CHANGED, CONFIRMED, COUNTED, PAID, PLACED, REFUNDED, REPUBLISHED, REQUESTED,
    RESERVED, copy, count, counts, excepts, field, hears, keys, origin, schema, share, undated,
};

/// The id of each rule, a system that breaks it, and one that does not.
pub(crate) fn pairs() -> Vec<(&'static str, Value, Value)> {
    let insured = |filed_on: &str| {
        json!({
            "orders/insurance": { "owner": "orders" },
            "orders/insurance/insure": { "kind": "origin", "on": [CONFIRMED], "done": "orders.order_insured.v1" },
            "orders/insurance/file": { "kind": "compensatable", "on": [filed_on], "done": "orders.claim_filed.v1" },
        })
    };
    let repeats = |on: &[&str]| {
        let step = json!({ "kind": "compensatable", "on": on, "done": COUNTED, "compensated_by": [REFUNDED] });
        json!({ "inventory/sale/count": step })
    };
    let read = |names: [&str; 2]| {
        let readers = names.map(|name| json!({ "name": name, "reads": "catalog.views.v1" }));
        json!({ "orders": { "reads_telemetry": readers } })
    };
    let searches = |published: &[&str]| {
        json!({
            "orders": { "reads_telemetry": [{ "name": "searches", "reads": "catalog.searches.v1" }] },
            "catalog": { "publishes_telemetry": published },
        })
    };
    let streams = |read: u16| {
        json!({ "orders": { "telemetry": { "catalog.views.v1": { "partitions": read } } },
            "catalog": { "telemetry": { "catalog.views.v1": { "partitions": 2 } } } })
    };
    let all_requested = "orders.all_products_requested.v1";
    let asks = |heard: &str| json!({ "orders": { "copies": [copy(CHANGED, Some(all_requested))] }, "catalog": { "shares": [share("product", REPUBLISHED, heard)] } });
    let packs = |service: &str, taken: bool| json!({ "orders": { "takes_packs": taken }, (format!("{service}@{CHANGED}")): { "packs": true } });
    let archived = |fed_by: &str| {
        json!({ "archive": { "copies": [copy(fed_by, Some("archive.products_requested.v1"))] },
            "catalog": { "publishes": [CHANGED, fed_by] } })
    };
    vec![
        ("B002", json!({ "Cart": {} }), json!({ "cart_2": {} })),
        ("B003", json!({ "journal": {} }), json!({ "journals": {} })),
        ("B004", json!({ "inventory/sale/Count it": count(&[PLACED]) }), counts(&[PLACED])),
        (
            "B005",
            json!({ "inventory/note": { "owner": "inventory" }, "inventory/note/reserve": origin(COUNTED) }),
            json!({ "inventory/note": { "owner": "inventory" }, "inventory/note/count": origin(COUNTED) }),
        ),
        (
            "B006",
            json!({ "inventory": { "subscriptions": [{ "name": "reserve", "on": PLACED }] } }),
            json!({ "inventory": { "subscriptions": [{ "name": "reserve", "on": CONFIRMED }] } }),
        ),
        (
            "B009",
            json!({ "payments": { "publishes": ["orders.note_left.v1"] } }),
            json!({ "payments": { "publishes": ["payments.note_left.v1"] } }),
        ),
        (
            "B010",
            json!({ "inventory@inventory.stock_released.v1": { "role": "plain" } }),
            json!({ "catalog@catalog.product_changed.v1": { "role": "plain" },
                "orders@catalog.product_changed.v1": { "role": "plain" } }),
        ),
        ("B011", counts(&[CANCELLED]), hears(CANCELLED)),
        ("B012", counts(&[PLACED, PLACED]), counts(&[PLACED, RESERVED])),
        ("B013", repeats(&[PLACED, RESERVED]), repeats(&[RESERVED])),
        (
            "B014",
            json!({ "inventory/sale/reserve": { "refused": RESERVED } }),
            json!({ "inventory/sale/reserve": { "compensated": COUNTED } }),
        ),
        (
            "B015",
            counts(&["orders.order_planned.v1"]),
            json!({ "inventory/sale/count": count(&["orders.order_planned.v1"]),
                "inventory@orders.order_planned.v1": { "also_from": ["planner"] } }),
        ),
        (
            "B016",
            json!({ "inventory@orders.order_placed.v1": { "role": "starts_saga" } }),
            json!({ "inventory@orders.order_placed.v1": { "schema": { "type": "object" } } }),
        ),
        ("B017", insured(PAID), insured(CONFIRMED)),
        ("B021", keys(&[("product", "code")]), keys(&[("product", "id")])),
        ("B022", keys(&[("product", "sold")]), keys(&[("product", "number")])),
        (
            "B023",
            schema(&json!({ "properties": { "maker": { "type": "string", "x-personal": true } } })),
            schema(&json!({ "properties": { "maker": { "type": "string", "x-personal": true,
                "x-personal-reason": "the law wants it" } } })),
        ),
        (
            "B024",
            schema(&json!({ "$ref": "#/$defs/Product" })),
            schema(&json!({ "$ref": "#/$defs/Product", "$defs": { "Product": true } })),
        ),
        (
            "B025",
            field(("name", &[]), ("name", &["name"])),
            field(("name", &["name"]), ("name", &["name"])),
        ),
        ("B026", json!({ "orders": { "copies": [copy(CHANGED, None)] } }), asks(all_requested)),
        (
            "B027",
            json!({ "orders": { "copies": [copy(PAID, Some(REQUESTED))] } }),
            json!({ "orders": { "copies": [copy("catalog.product_gone.v1", Some(REQUESTED))] },
                "catalog": { "publishes": [CHANGED, "catalog.product_gone.v1"] } }),
        ),
        (
            "B028",
            json!({ "archive": { "shares": [share("product", "archive.all_sent.v1", CHANGED)] } }),
            json!({ "archive": { "shares": [share("record", "archive.all_sent.v1", CHANGED)] } }),
        ),
        (
            "B029",
            json!({ "catalog": { "shares": [share("item", REPUBLISHED, REQUESTED)] } }),
            json!({ "catalog": { "shares": [share("product", REPUBLISHED, REQUESTED),
                share("maker", "catalog.makers_republished.v1", REQUESTED)] } }),
        ),
        ("B030", asks(REQUESTED), asks(all_requested)),
        ("B032", read(["views", "views"]), read(["views", "also_views"])),
        ("B033", searches(&["catalog.views.v1"]), searches(&["catalog.searches.v1"])),
        ("B034", streams(1), streams(2)),
        ("B035", undated(&excepts("B036", "sale")), undated(&excepts("b067", "sale"))),
        ("B072", packs("catalog", false), packs("catalog", true)),
        ("B073", packs("orders", true), packs("catalog", true)),
        ("B077", archived("catalog.product_gone.v1"), archived("catalog.product_changed.v2")),
    ]
}
