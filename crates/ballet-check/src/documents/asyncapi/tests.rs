//! The documents of a small system. `tests/asyncapi.rs` checks that they are valid AsyncAPI.

use schemars::Schema;
use serde_json::{Value, json};

use super::schemas::ComponentSchemas;
use super::*;

fn system() -> (System, Vec<ServiceContract>) {
    let placed = "orders.order_placed.v1";
    let line = |kind: &str| {
        json!({ "type": "object", "required": ["line"],
        "properties": { "line": { "$ref": "#/$defs/Line" } }, "$defs": { "Line": { "type": kind } } })
    };
    let event = |name: &str, role: &str, schema: Value| json!({ "name": name, "role": role, "schema": schema });
    let orders = json!({
        "contract": 1, "service": "orders", "publishes": [placed],
        "events": [event(placed, "starts_saga", line("object"))],
    });
    let mut orders = orders;
    orders["events"][0]["keys"] = json!([{ "name": "order", "field": "line", "made_here": true }]);
    let stock = json!({
        "contract": 1, "service": "stock",
        "sagas": [{ "saga": "order", "owner": "orders", "steps": [
            { "name": "hold", "kind": "pivot", "on": [placed], "done": "stock.stock_held.v1",
                "compensated": "stock.stock_freed.v1" },
        ] }],
        "events": [
            event(placed, "starts_saga", json!({ "type": "object" })),
            event("stock.stock_held.v1", "in_saga", line("string")),
            event("stock.stock_freed.v1", "in_saga", json!({ "type": "object",
                "examples": [{ "sku": "A" }] })),
        ],
    });
    let contracts: Vec<ServiceContract> = [orders, stock]
        .into_iter()
        .map(|contract| serde_json::from_value(contract).expect("a contract"))
        .collect();
    let parts = contracts.iter().map(|contract| contract.part().expect("a part")).collect();
    (System { name: "shop", parts }, contracts)
}

fn whole() -> Value {
    let (system, contracts) = system();
    serde_json::from_str(&of_system(&system, &contracts)).expect("JSON")
}

#[test]
fn a_service_sends_to_the_exchange_and_receives_from_its_queue() {
    let document = whole();
    let send = &document["operations"]["stock.send.stock.stock_held.v1"];
    assert_eq!(send["action"], "send");
    assert_eq!(
        send["x-ballet"][0],
        json!({ "saga": "order", "step": "hold", "kind": "pivot",
        "outcome": "done" })
    );
    let channel = &document["channels"]["stock.stock_held.v1"]["bindings"]["amqp"];
    assert_eq!(
        (&channel["is"], &channel["exchange"]["name"]),
        (&json!("routingKey"), &json!("events"))
    );
    let receive = &document["operations"]["stock.receive.orders.order_placed.v1"];
    assert_eq!(receive["channel"]["$ref"], "#/channels/stock");
    assert_eq!(document["channels"]["stock"]["bindings"]["amqp"]["queue"]["name"], "stock");
}

#[test]
fn a_message_names_its_business_keys() {
    let document = whole();
    let messages = &document["components"]["messages"];
    assert_eq!(
        messages["orders.order_placed.v1"]["x-ballet-keys"],
        json!([{ "name": "order", "field": "line", "made_here": true }])
    );
    assert!(messages["stock.stock_held.v1"].get("x-ballet-keys").is_none());
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = whole();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 10);
    for path in found {
        let at = path.strip_prefix('#').expect("in the document");
        assert!(document.pointer(at).is_some(), "{path} leads nowhere");
    }
}

#[test]
fn types_of_one_name_and_two_shapes_stay_apart() {
    let schemas = &whole()["components"]["schemas"];
    assert_eq!(schemas["Line"]["type"], "object");
    assert_eq!(schemas["stock.stock_held.v1.Line"]["type"], "string");
    let line = &schemas["stock.stock_held.v1"]["properties"]["line"]["$ref"];
    assert_eq!(line, "#/components/schemas/stock.stock_held.v1.Line");
    // The same holds where only the referenced types differ.
    let mut schemas = ComponentSchemas::default();
    for (name, inner) in [("a.something_done.v1", "string"), ("b.something_done.v1", "integer")] {
        let schema = json!({ "$ref": "#/$defs/Outer", "$defs": {
            "Outer": { "items": { "$ref": "#/$defs/Inner" } }, "Inner": { "type": inner } } });
        let contract = json!({ "contract": 1, "service": "a",
            "events": [{ "name": name, "role": "plain", "schema": schema }] });
        let contract: ServiceContract = serde_json::from_value(contract).expect("a contract");
        let (event, schema): (_, Schema) = contract.schemas().expect("schemas").remove(0);
        schemas.add(event, &schema.to_value());
    }
    let schemas = schemas.into_value();
    assert_eq!(
        schemas["b.something_done.v1"]["$ref"],
        "#/components/schemas/b.something_done.v1.Outer"
    );
    let items = &schemas["b.something_done.v1.Outer"]["items"]["$ref"];
    assert_eq!(items, "#/components/schemas/b.something_done.v1.Inner");
}

#[test]
fn an_example_of_the_body_is_an_example_of_the_message() {
    let message = &whole()["components"]["messages"]["stock.stock_freed.v1"];
    assert_eq!(message["examples"], json!([{ "payload": { "sku": "A" } }]));
    assert_eq!(message["correlationId"]["location"], "$message.header#/correlation_id");
}

#[test]
fn a_services_document_has_its_own_operations_only() {
    let (system, contracts) = system();
    let text = of_service(&system, &contracts, "orders").expect("a service");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let operations: Vec<&String> =
        document["operations"].as_object().expect("some").keys().collect();
    assert_eq!(operations, ["orders.send.orders.order_placed.v1"]);
    assert!(of_service(&system, &contracts, "payments").is_none());
}
