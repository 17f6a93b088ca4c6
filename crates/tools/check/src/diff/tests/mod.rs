//! Each rule with a change that breaks it, beside a similar one that breaks nobody.

use serde_json::{Value, json};

use super::*;
use crate::contracts::of_services as contracts;

mod copies;
mod packs;
mod properties;
mod sagas;
mod shapes;
mod telemetry;
mod versions;

const PLACED: &str = "orders.order_placed.v1";
const RESERVED: &str = "inventory.stock_reserved.v1";
const RELEASED: &str = "inventory.stock_released.v1";
const CHECKED_OUT: &str = "orders.checked_out.v1";

/// Orders take what a storefront sends, and stock is reserved for them.
fn system() -> [Value; 2] {
    let placed = json!({
        "type": "object", "required": ["order_id", "lines", "total"],
        "properties": {
            "order_id": { "type": "string", "format": "uuid" },
            "lines": { "type": "array", "maxItems": 10, "items": { "$ref": "#/$defs/Line" } },
            "total": { "type": "integer", "minimum": 0 },
            "channel": { "enum": ["web", "shop"] },
        },
        "$defs": { "Line": {
            "type": "object", "required": ["sku"],
            "properties": { "sku": { "type": "string" }, "note": { "type": ["string", "null"] } },
        } },
    });
    let reads = json!({
        "type": "object", "required": ["order_id", "lines"],
        "properties": {
            "order_id": { "type": "string", "format": "uuid" },
            "lines": { "type": "array", "maxItems": 10, "items": {
                "type": "object", "required": ["sku"], "properties": { "sku": { "type": "string" } },
            } },
            "channel": { "enum": ["web", "shop"] },
        },
    });
    let held = json!({
        "type": "object", "required": ["lines"], "properties": { "lines": { "type": "integer" } },
    });
    let bare = json!({ "type": "object" });
    let event = |name: &str, role: &str, schema: &Value| json!({ "name": name, "role": role, "schema": schema });
    let mut checked_out = event(
        CHECKED_OUT,
        "starts_saga",
        &json!({
            "type": "object", "required": ["cart"],
            "properties": { "cart": { "type": "string" }, "gift": { "type": "boolean" } },
        }),
    );
    checked_out["also_from"] = json!(["storefront"]);
    let orders = json!({
        "contract": 1, "service": "orders",
        "sagas": [{
            "saga": "order", "owner": "orders", "abort": "orders.order_cancelled.v1",
            "deadline": { "passed": "orders.deadline_passed.v1", "after": "PT1H" },
            "steps": [
                { "name": "place", "kind": "origin", "on": [CHECKED_OUT], "done": PLACED },
                { "name": "confirm", "kind": "decision", "on": [RESERVED],
                    "done": "orders.order_confirmed.v1" },
            ],
        }],
        "events": [
            checked_out,
            event(PLACED, "in_saga", &placed),
            event(RESERVED, "in_saga", &held),
            event("orders.order_cancelled.v1", "in_saga", &bare),
            event("orders.order_confirmed.v1", "in_saga", &bare),
            event("orders.deadline_passed.v1", "in_saga", &bare),
        ],
    });
    let inventory = json!({
        "contract": 1, "service": "inventory",
        "sagas": [{
            "saga": "order", "owner": "orders", "abort": "orders.order_cancelled.v1",
            "steps": [{ "name": "reserve", "kind": "pivot", "on": [PLACED], "done": RESERVED,
                "compensated": RELEASED }],
        }],
        "events": [
            event(PLACED, "in_saga", &reads),
            event("orders.order_cancelled.v1", "in_saga", &bare),
            event(RESERVED, "in_saga", &held),
            event(RELEASED, "in_saga", &bare),
        ],
    });
    [orders, inventory]
}

fn event<'a>(services: &'a mut [Value; 2], service: &str, name: &str) -> &'a mut Value {
    let service = services.iter_mut().find(|one| one["service"] == service).expect("a service");
    let events = service["events"].as_array_mut().expect("events");
    events.iter_mut().find(|one| one["name"] == name).expect("an event")
}

fn schema<'a>(services: &'a mut [Value; 2], service: &str, name: &str) -> &'a mut Value {
    &mut event(services, service, name)["schema"]
}

fn saga<'a>(services: &'a mut [Value; 2], service: &str) -> &'a mut Value {
    &mut services.iter_mut().find(|one| one["service"] == service).expect("a service")["sagas"][0]
}

fn require(schema: &mut Value, field: &str) {
    schema["required"].as_array_mut().expect("a list").push(json!(field));
}

fn drop_field(schema: &mut Value, field: &str) {
    schema["required"].as_array_mut().expect("a list").retain(|name| name != field);
    schema["properties"].as_object_mut().expect("fields").remove(field);
}

fn diff(change: impl FnOnce(&mut [Value; 2])) -> Vec<ContractChange> {
    let mut after = system();
    change(&mut after);
    changes(&contracts(&system()), &contracts(&after))
}

/// Rule, subject, field, and broken services.
type Row = (&'static str, String, String, String);

fn broken(change: impl FnOnce(&mut [Value; 2])) -> Vec<Row> {
    rows(diff(change))
}

fn rows(changes: Vec<ContractChange>) -> Vec<Row> {
    let row = |change: ContractChange| {
        (change.rule, change.subject, change.field, change.breaks.join(" "))
    };
    changes.into_iter().map(row).collect()
}

fn one(rule: &'static str, subject: &str, field: &str, who: &str) -> Vec<Row> {
    vec![(rule, subject.to_owned(), field.to_owned(), who.to_owned())]
}

fn sound(change: impl FnOnce(&mut [Value; 2])) {
    assert_eq!(diff(change), []);
}

/// A change of the system, and the rule, event and field that it breaks.
type Case = (fn(&mut [Value; 2]), &'static str, &'static str, &'static str);

/// Who reads it.
fn reader(subject: &str) -> &'static str {
    match subject {
        PLACED => "inventory",
        RESERVED => "orders",
        CHECKED_OUT => "storefront",
        _ => "open sagas of order",
    }
}

fn field(all: &mut [Value; 2], service: &str, field: &str, schema_of: Value) {
    schema(all, service, PLACED)["properties"][field] = schema_of;
}

fn channel(all: &mut [Value; 2], service: &str, schema_of: Value) {
    field(all, service, "channel", schema_of);
}

const BREAKING: [Case; 16] = [
    (|all| drop_field(schema(all, "orders", PLACED), "lines"), "field_removed", PLACED, "lines"),
    (
        |all| schema(all, "orders", PLACED)["required"] = json!(["order_id"]),
        "field_optional",
        PLACED,
        "lines",
    ),
    (|all| sku(all, &json!({ "type": "integer" })), "type", PLACED, "lines.sku"),
    (|all| sku(all, &json!({ "type": ["string", "null"] })), "type", PLACED, "lines.sku"),
    (
        |all| channel(all, "orders", json!({ "enum": ["web", "shop", "phone"] })),
        "value",
        PLACED,
        "channel",
    ),
    // Values that a reader no longer accepts may still come.
    (|all| channel(all, "inventory", json!({ "enum": ["web"] })), "value", PLACED, "channel"),
    (|all| channel(all, "orders", json!({ "type": "string" })), "value", PLACED, "channel"),
    (|all| most_lines(all, "orders", 11), "range", PLACED, "lines"),
    (|all| most_lines(all, "inventory", 9), "range", PLACED, "lines"),
    (
        |all| field(all, "orders", "order_id", json!({ "type": "string" })),
        "format",
        PLACED,
        "order_id",
    ),
    (|all| limited(all, "inventory"), "unclear", PLACED, "order_id"),
    (
        |all| require(schema(all, "orders", CHECKED_OUT), "gift"),
        "field_optional",
        CHECKED_OUT,
        "gift",
    ),
    (
        |all| event(all, "orders", CHECKED_OUT)["also_from"] = json!(["kiosk"]),
        "producer_removed",
        CHECKED_OUT,
        "",
    ),
    (|all| event(all, "inventory", RESERVED)["role"] = json!("starts_saga"), "role", RESERVED, ""),
    // A producer outside has no saga's id.
    (|all| event(all, "orders", CHECKED_OUT)["role"] = json!("in_saga"), "role", CHECKED_OUT, ""),
    (
        |all| saga(all, "orders")["steps"][1]["name"] = json!("approve"),
        "step_removed",
        "orders.confirm",
        "",
    ),
];

const SOUND: [fn(&mut [Value; 2]); 18] = [
    |_| {},
    |all| schema(all, "orders", PLACED)["description"] = json!("Other words."),
    |all| drop_field(schema(all, "orders", PLACED), "total"),
    |all| schema(all, "orders", PLACED)["required"] = json!(["order_id", "lines"]),
    |all| sku(all, &json!({ "type": "string", "maxLength": 9 })),
    |all| field(all, "orders", "total", json!({ "type": "string" })),
    |all| channel(all, "orders", json!({ "enum": ["web"] })),
    |all| channel(all, "inventory", json!({ "enum": ["web", "shop", "phone"] })),
    |all| most_lines(all, "orders", 9),
    |all| most_lines(all, "inventory", 11),
    |all| field(all, "inventory", "order_id", json!({ "type": "string" })),
    |all| field(all, "orders", "gift", json!({ "type": "boolean" })),
    |all| limited(all, "orders"),
    |all| require(schema(all, "inventory", PLACED), "total"),
    |all| schema(all, "orders", CHECKED_OUT)["properties"]["wrap"] = json!({ "type": "boolean" }),
    |all| event(all, "orders", CHECKED_OUT)["also_from"] = json!(["storefront", "kiosk"]),
    |all| event(all, "inventory", RELEASED)["role"] = json!("starts_saga"),
    |all| rename(all, "stock_released"),
];

fn sku(all: &mut [Value; 2], sku: &Value) {
    schema(all, "orders", PLACED)["$defs"]["Line"]["properties"]["sku"] = sku.clone();
}

fn most_lines(all: &mut [Value; 2], service: &str, most: u32) {
    schema(all, service, PLACED)["properties"]["lines"]["maxItems"] = json!(most);
}

fn limited(all: &mut [Value; 2], service: &str) {
    schema(all, service, PLACED)["properties"]["order_id"]["not"] = json!({ "const": "x" });
}

/// Inventory publishes the next version of an event instead.
fn rename(all: &mut [Value; 2], event: &str) {
    let text = all[1].to_string().replace(&format!("{event}.v1"), &format!("{event}.v2"));
    all[1] = serde_json::from_str(&text).expect("JSON");
}

#[test]
fn what_breaks_somebody_is_found_and_what_is_like_it_breaks_nobody() {
    for (change, rule, subject, field) in BREAKING {
        assert_eq!(broken(change), one(rule, subject, field, reader(subject)));
    }
    for (at, change) in SOUND.into_iter().enumerate() {
        assert_eq!(diff(change), [], "{at}");
    }
    let found = broken(|all| rename(all, "stock_reserved"));
    assert!(found.contains(&one("not_published", RESERVED, "", "orders")[0]), "{found:?}");
}

#[test]
fn all_who_break_by_one_change_are_named_together() {
    let another = |all: &[Value; 2]| {
        let text = all[1].to_string().replace("inventory", "shelves");
        [all[0].clone(), all[1].clone(), serde_json::from_str(&text).expect("JSON")]
    };
    let mut after = system();
    drop_field(schema(&mut after, "orders", PLACED), "lines");
    let found = changes(&contracts(&another(&system())), &contracts(&another(&after)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].breaks, ["inventory", "shelves"]);
}

#[test]
fn a_reader_that_takes_no_other_fields_breaks_by_a_new_one() {
    let mut before = system();
    for name in ["total", "gift"] {
        field(&mut before, "inventory", name, json!(true));
    }
    schema(&mut before, "inventory", PLACED)["additionalProperties"] = json!(false);
    let mut after = before.clone();
    field(&mut after, "orders", "gift", json!({ "type": "boolean" }));
    assert_eq!(changes(&contracts(&before), &contracts(&after)), []);
    field(&mut after, "orders", "wrap", json!({ "type": "boolean" }));
    let found = rows(changes(&contracts(&before), &contracts(&after)));
    assert_eq!(found, one("field_unknown", PLACED, "wrap", "inventory"));
}

#[test]
fn what_changes_on_both_sides_at_once_breaks_the_one_that_runs_beside() {
    type Edit = fn(&mut [Value; 2], &str);
    let both: [(Edit, &str); 2] = [
        (
            |all, service| {
                field(all, service, "channel", json!({ "enum": ["web", "phone", "shop"] }));
            },
            "release inventory first",
        ),
        (
            |all, service| {
                field(all, service, "gift", json!({ "type": "boolean" }));
                require(schema(all, service, PLACED), "gift");
            },
            "release orders first",
        ),
    ];
    for (change, advice) in both {
        let found = diff(|all| ["orders", "inventory"].into_iter().for_each(|of| change(all, of)));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].advice.starts_with(advice), "{found:?}");
    }
}
