//! Copies: a previous release's rows of another service's entities.

use super::*;

const PAGE: &str = "orders.carts_republished.v1";
const ASKED: &str = "inventory.carts_requested.v1";

/// `always` are required.
fn page(fields: &[&str], always: &[&str]) -> Value {
    let text = json!({ "type": "string" });
    let fields: serde_json::Map<_, _> =
        fields.iter().map(|field| ((*field).to_owned(), text.clone())).collect();
    let state = json!({ "type": "object", "required": always, "properties": fields });
    json!({
        "type": "object", "required": ["entities"],
        "properties": { "entities": { "type": "array", "items": {
            "type": "object", "required": ["id"],
            "properties": { "id": text, "state": { "anyOf": [state, { "type": "null" }] } },
        } } },
    })
}

/// Orders share their carts with the field `gift`, which inventory's copy lacks.
fn with_copy(mut services: [Value; 2]) -> [Value; 2] {
    let event = |name: &str, of: Value| json!({ "name": name, "role": "plain", "schema": of });
    let [orders, inventory] = &mut services;
    orders["shares"] = json!([{ "entity": "cart", "view": "shared_cart", "republished": PAGE,
        "requests": [ASKED] }]);
    inventory["copies"] = json!([{ "entity": "cart", "owner": "orders", "fed_by": [],
        "republished": PAGE, "request": ASKED }]);
    for (service, fields) in [(orders, &["name", "gift"][..]), (inventory, &["name"][..])] {
        let events = service["events"].as_array_mut().expect("events");
        events.push(event(ASKED, json!({ "type": "object" })));
        events.push(event(PAGE, page(fields, fields)));
    }
    services
}

/// Inventory's release knows both fields and requires some. Returns the breaking changes, too.
fn release(before: &[Value; 2], always: &[&str]) -> ([Value; 2], Vec<ContractChange>) {
    let mut after = before.clone();
    *schema(&mut after, "inventory", PAGE) = page(&["name", "gift"], always);
    let found = changes(&contracts(before), &contracts(&after));
    (after, found)
}

#[test]
fn a_field_that_a_copy_will_require_is_not_in_its_rows() {
    let before = with_copy(system());
    let (_, found) = release(&before, &["name", "gift"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].what, "in the rows of inventory's copy, there is no `entities.state.gift`");
    assert!(found[0].advice.starts_with("make it optional in inventory first"), "{found:?}");
    assert_eq!(rows(found), one("field_removed", PAGE, "entities.state.gift", "inventory"));
    // The release that rebuilds the copy must not require the field.
    let (optional, found) = release(&before, &["name"]);
    assert_eq!(found, []);
    let (_, found) = release(&optional, &["name", "gift"]);
    assert_eq!(found, []);
}
