//! A test for each rule, beside a similar change that breaks nobody.

use serde_json::{Value, json};

use super::*;
use crate::contracts::of_services as contracts;

mod copies;
mod keys;
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

fn diff(change: impl FnOnce(&mut [Value; 2])) -> Diff {
    let mut after = system();
    change(&mut after);
    Diff::of_systems(&contracts(&system()), &contracts(&after))
}

/// Rule, subject, field, and broken services.
fn broken(change: impl FnOnce(&mut [Value; 2])) -> Vec<(&'static str, String, String, String)> {
    rows(diff(change).breaking)
}

fn rows(changes: Vec<ContractChange>) -> Vec<(&'static str, String, String, String)> {
    let row = |change: ContractChange| {
        (change.rule.name(), change.subject, change.field, change.breaks.join(" "))
    };
    changes.into_iter().map(row).collect()
}

fn one(
    rule: &'static str,
    subject: &str,
    field: &str,
    who: &str,
) -> Vec<(&'static str, String, String, String)> {
    vec![(rule, subject.to_owned(), field.to_owned(), who.to_owned())]
}

fn compatible(change: impl FnOnce(&mut [Value; 2])) -> Vec<String> {
    unbroken(&diff(change))
}

/// Asserts that none breaks a service.
fn unbroken(found: &Diff) -> Vec<String> {
    assert_eq!(found.breaking, [], "nobody breaks");
    found.compatible.iter().map(|change| format!("{}: {}", change.subject, change.what)).collect()
}

#[test]
fn what_is_equal_is_no_change() {
    let same = diff(|_| {});
    assert_eq!((same.breaking, same.compatible), (Vec::new(), Vec::new()));
    let reworded = diff(|all| schema(all, "orders", PLACED)["description"] = json!("Other words."));
    assert_eq!((reworded.breaking, reworded.compatible), (Vec::new(), Vec::new()));
}

#[test]
fn a_field_that_is_removed_breaks_who_requires_it() {
    let found = broken(|all| drop_field(schema(all, "orders", PLACED), "lines"));
    assert_eq!(found, one("field_removed", PLACED, "lines", "inventory"));
    assert_eq!(
        compatible(|all| drop_field(schema(all, "orders", PLACED), "total")),
        ["orders.order_placed.v1: orders writes no field `total` any more"]
    );
}

#[test]
fn all_who_break_by_one_change_are_named_together() {
    let another = |all: &[Value; 2]| {
        let text = all[1].to_string().replace("inventory", "shelves");
        [all[0].clone(), all[1].clone(), serde_json::from_str(&text).expect("JSON")]
    };
    let mut after = system();
    drop_field(schema(&mut after, "orders", PLACED), "lines");
    let (before, after) = (another(&system()), another(&after));
    let found = Diff::of_systems(&contracts(&before), &contracts(&after)).breaking;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].breaks, ["inventory", "shelves"]);
}

#[test]
fn a_field_that_may_be_missing_breaks_who_requires_it() {
    let found = broken(|all| schema(all, "orders", PLACED)["required"] = json!(["order_id"]));
    assert_eq!(found, one("field_optional", PLACED, "lines", "inventory"));
    let required = json!(["order_id", "lines"]);
    assert!(!compatible(|all| schema(all, "orders", PLACED)["required"] = required).is_empty());
}

#[test]
fn a_field_of_another_type_breaks_who_reads_it() {
    let sku = |all: &mut [Value; 2], sku| {
        schema(all, "orders", PLACED)["$defs"]["Line"]["properties"]["sku"] = sku;
    };
    let found = broken(|all| sku(all, json!({ "type": "integer" })));
    assert_eq!(found, one("type", PLACED, "lines.sku", "inventory"));
    let found = broken(|all| sku(all, json!({ "type": ["string", "null"] })));
    assert_eq!(found, one("type", PLACED, "lines.sku", "inventory"));
    assert!(!compatible(|all| sku(all, json!({ "type": "string", "maxLength": 9 }))).is_empty());
    let total = |all: &mut [Value; 2]| {
        schema(all, "orders", PLACED)["properties"]["total"] = json!({ "type": "string" });
    };
    assert!(!compatible(total).is_empty());
}

#[test]
fn a_value_that_a_reader_does_not_know_breaks_it() {
    let channels = |all: &mut [Value; 2], service: &str, values: Value| {
        schema(all, service, PLACED)["properties"]["channel"] = json!({ "enum": values });
    };
    let found = broken(|all| channels(all, "orders", json!(["web", "shop", "phone"])));
    assert_eq!(found, one("value", PLACED, "channel", "inventory"));
    // Nobody misses values that a publisher no longer writes.
    assert!(!compatible(|all| channels(all, "orders", json!(["web"]))).is_empty());
    // Values that a reader no longer accepts may still come.
    let found = broken(|all| channels(all, "inventory", json!(["web"])));
    assert_eq!(found, one("value", PLACED, "channel", "inventory"));
    assert!(
        !compatible(|all| channels(all, "inventory", json!(["web", "shop", "phone"]))).is_empty()
    );
    let any = |all: &mut [Value; 2]| {
        schema(all, "orders", PLACED)["properties"]["channel"] = json!({ "type": "string" });
    };
    assert_eq!(broken(any), one("value", PLACED, "channel", "inventory"));
}

#[test]
fn a_range_that_is_wider_than_a_readers_breaks_it() {
    let most = |all: &mut [Value; 2], service: &str, most: u32| {
        schema(all, service, PLACED)["properties"]["lines"]["maxItems"] = json!(most);
    };
    assert_eq!(broken(|all| most(all, "orders", 11)), one("range", PLACED, "lines", "inventory"));
    assert_eq!(broken(|all| most(all, "inventory", 9)), one("range", PLACED, "lines", "inventory"));
    assert!(!compatible(|all| most(all, "orders", 9)).is_empty());
    assert!(!compatible(|all| most(all, "inventory", 11)).is_empty());
}

#[test]
fn text_of_another_form_breaks_who_reads_it() {
    let id = |all: &mut [Value; 2], service: &str, id: Value| {
        schema(all, service, PLACED)["properties"]["order_id"] = id;
    };
    let text = json!({ "type": "string" });
    let found = broken(|all| id(all, "orders", text.clone()));
    assert_eq!(found, one("format", PLACED, "order_id", "inventory"));
    assert!(!compatible(|all| id(all, "inventory", text)).is_empty());
}

#[test]
fn a_reader_that_takes_no_other_fields_breaks_by_a_new_one() {
    let add = |all: &mut [Value; 2]| {
        schema(all, "orders", PLACED)["properties"]["gift"] = json!({ "type": "boolean" });
    };
    assert_eq!(compatible(add), ["orders.order_placed.v1: orders writes a new field `gift`"]);
    let mut before = system();
    for field in ["total", "gift"] {
        schema(&mut before, "inventory", PLACED)["properties"][field] = json!(true);
    }
    schema(&mut before, "inventory", PLACED)["additionalProperties"] = json!(false);
    let mut after = before.clone();
    schema(&mut after, "orders", PLACED)["properties"]["gift"] = json!({ "type": "boolean" });
    assert_eq!(Diff::of_systems(&contracts(&before), &contracts(&after)).breaking, []);
    schema(&mut after, "orders", PLACED)["properties"]["wrap"] = json!({ "type": "boolean" });
    let found = Diff::of_systems(&contracts(&before), &contracts(&after)).breaking;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rule, found[0].field.as_str()), (ChangeRule::FieldUnknown, "wrap"));
}

#[test]
fn what_changes_on_both_sides_at_once_breaks_the_one_that_runs_beside() {
    let found = diff(|all| {
        for service in ["orders", "inventory"] {
            schema(all, service, PLACED)["properties"]["channel"] =
                json!({ "enum": ["web", "phone", "shop"] });
        }
    });
    assert_eq!(found.breaking.len(), 1, "{found:?}");
    assert!(found.breaking[0].advice.starts_with("release inventory first"), "{found:?}");
    let found = diff(|all| require(schema(all, "inventory", PLACED), "total"));
    assert_eq!(found.breaking, [], "it was always written: {found:?}");
    let found = diff(|all| {
        for service in ["orders", "inventory"] {
            let schema = schema(all, service, PLACED);
            schema["properties"]["gift"] = json!({ "type": "boolean" });
            require(schema, "gift");
        }
    });
    assert_eq!(found.breaking.len(), 1, "{found:?}");
    assert!(found.breaking[0].advice.starts_with("release orders first"), "{found:?}");
}

#[test]
fn words_that_cannot_be_compared_must_stay_the_same() {
    let limited = |all: &mut [Value; 2], service: &str| {
        schema(all, service, PLACED)["properties"]["order_id"]["not"] = json!({ "const": "x" });
    };
    let found = broken(|all| limited(all, "inventory"));
    assert_eq!(found, one("unclear", PLACED, "order_id", "inventory"));
    assert!(!compatible(|all| limited(all, "orders")).is_empty());
}

#[test]
fn a_new_required_field_breaks_producers_outside_of_the_system() {
    let found = broken(|all| require(schema(all, "orders", CHECKED_OUT), "gift"));
    assert_eq!(found, one("field_optional", CHECKED_OUT, "gift", "storefront"));
    let optional = |all: &mut [Value; 2]| {
        schema(all, "orders", CHECKED_OUT)["properties"]["wrap"] = json!({ "type": "boolean" });
    };
    assert_eq!(compatible(optional), ["orders.checked_out.v1: orders reads a new field `wrap`"]);
}

#[test]
fn a_producer_that_loses_its_right_breaks() {
    let found = broken(|all| event(all, "orders", CHECKED_OUT)["also_from"] = json!(["kiosk"]));
    assert_eq!(found, one("producer_removed", CHECKED_OUT, "", "storefront"));
    let both = json!(["storefront", "kiosk"]);
    assert_eq!(
        compatible(|all| event(all, "orders", CHECKED_OUT)["also_from"] = both),
        ["orders.checked_out.v1: kiosk may publish it"]
    );
}

#[test]
fn an_event_that_nobody_publishes_any_more_breaks_who_waits_for_it() {
    let rename = |all: &mut [Value; 2]| {
        let text = all[1].to_string().replace("stock_reserved.v1", "stock_reserved.v2");
        all[1] = serde_json::from_str(&text).expect("JSON");
    };
    let found = broken(rename);
    assert!(found.contains(&one("not_published", RESERVED, "", "orders")[0]), "{found:?}");
    let found = compatible(|all| {
        let text = all[1].to_string().replace("stock_released.v1", "stock_released.v2");
        all[1] = serde_json::from_str(&text).expect("JSON");
    });
    assert!(found.contains(&format!("{RELEASED}: inventory publishes it no more")), "{found:?}");
}

#[test]
fn another_role_breaks_the_others_who_name_the_event() {
    let plain = |name: &'static str| {
        move |all: &mut [Value; 2]| event(all, "inventory", name)["role"] = json!("starts_saga")
    };
    assert_eq!(broken(plain(RESERVED)), one("role", RESERVED, "", "orders"));
    assert_eq!(
        compatible(plain(RELEASED)),
        [format!("{RELEASED}: it was in_saga, and is starts_saga")]
    );
}

#[test]
fn a_producer_outside_must_not_need_a_sagas_id_that_it_does_not_have() {
    let found = broken(|all| event(all, "orders", CHECKED_OUT)["role"] = json!("in_saga"));
    assert_eq!(found, one("role", CHECKED_OUT, "", "storefront"));
}

#[test]
fn of_one_service_somebody_may_read_all_that_it_wrote() {
    let alone = |change: fn(&mut Value)| {
        let [before, _] = system();
        let mut after = before.clone();
        change(&mut after);
        Diff::of_services(&contracts(&[before]), &contracts(&[after])).breaking
    };
    let found = alone(|orders| drop_field(&mut orders["events"][1]["schema"], "total"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].rule, found[0].breaks.join(" ").as_str()),
        (ChangeRule::FieldRemoved, "anybody")
    );
    let found = alone(|orders| require(&mut orders["events"][2]["schema"], "shelf"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].rule, ChangeRule::FieldRemoved);
    let found = alone(|orders| {
        orders["events"][1]["schema"]["properties"]["gift"] = json!({ "type": "boolean" });
    });
    assert_eq!(found, []);
}
