//! A sound system, and changes of it.

use serde_json::{Value, json};

use crate::system::and;

pub(crate) const PLACED: &str = "orders.order_placed.v1";
pub(crate) const PLACED_2: &str = "orders.order_placed.v2";
pub(crate) const WANTED: &str = "orders.order_wanted.v1";
pub(crate) const CANCELLED: &str = "orders.order_cancelled.v1";
pub(crate) const CONFIRMED: &str = "orders.order_confirmed.v1";
pub(crate) const RESERVED: &str = "inventory.stock_reserved.v1";
pub(crate) const RESERVED_2: &str = "inventory.stock_reserved.v2";
pub(crate) const SHORT: &str = "inventory.stock_short.v1";
pub(crate) const RELEASED: &str = "inventory.stock_released.v1";
pub(crate) const COUNTED: &str = "inventory.stock_counted.v1";
pub(crate) const MISCOUNTED: &str = "inventory.stock_miscounted.v1";
pub(crate) const PAID: &str = "payments.payment_captured.v1";
pub(crate) const UNPAID: &str = "payments.capture_failed.v1";
pub(crate) const REFUNDED: &str = "payments.payment_refunded.v1";
pub(crate) const CHANGED: &str = "catalog.product_changed.v1";
pub(crate) const REPUBLISHED: &str = "catalog.products_republished.v1";
pub(crate) const REQUESTED: &str = "orders.products_requested.v1";

/// orders -> inventory -> payments (pivot) -> orders, which keeps a copy of the catalog's products.
pub(crate) fn sound() -> Value {
    json!({
        "orders": {
            "copies": [copy(CHANGED, Some(REQUESTED))],
            "reads_telemetry": [{ "name": "views", "reads": "catalog.views.v1" }],
        },
        "orders/sale": {
            "owner": "orders", "abort": CANCELLED, "aborts_on": [SHORT, UNPAID],
            "deadline": { "passed": "orders.deadline_passed.v1", "after": "PT1H" },
        },
        "orders/sale/place": { "kind": "origin", "done": PLACED },
        "orders/sale/confirm": { "kind": "decision", "on": [PAID], "done": CONFIRMED },
        "inventory/sale": { "owner": "orders", "abort": CANCELLED },
        "inventory/sale/reserve": {
            "kind": "compensatable", "on": [PLACED], "done": RESERVED, "refused": SHORT, "compensated": RELEASED,
        },
        "payments/sale": { "owner": "orders", "abort": CANCELLED },
        "payments/sale/capture": {
            "kind": "pivot", "on": [RESERVED], "done": PAID, "refused": UNPAID, "compensated": REFUNDED,
        },
        "catalog": {
            "publishes": [CHANGED], "publishes_telemetry": ["catalog.views.v1"],
            "shares": [share("product", REPUBLISHED, REQUESTED)],
        },
    })
}

pub(crate) fn share(entity: &str, republished: &str, request: &str) -> Value {
    json!({ "entity": entity, "view": "shared", "republished": republished, "requests": [request] })
}

pub(crate) fn copy(fed_by: &str, request: Option<&str>) -> Value {
    json!({
        "entity": "product", "owner": "catalog", "fed_by": [fed_by], "republished": REPUBLISHED, "request": request,
    })
}

/// One more step, which can be undone.
pub(crate) fn count(on: &[&str]) -> Value {
    json!({ "kind": "compensatable", "on": on, "done": COUNTED })
}

pub(crate) fn counts(on: &[&str]) -> Value {
    json!({ "inventory/sale/count": count(on) })
}

pub(crate) fn origin(event: &str) -> Value {
    json!({ "kind": "origin", "done": event })
}

pub(crate) fn hears(event: &str) -> Value {
    json!({ "payments": { "subscriptions": [{ "name": "hear", "on": event }] } })
}

/// The schema and the keys of the catalog's event.
pub(crate) fn keys(keys: &[(&str, &str)]) -> Value {
    let keys = keys.iter().map(|(name, field)| json!({ "name": name, "field": field }));
    let fields = json!({ "properties": {
        "id": { "type": "string" }, "number": { "type": "integer" }, "sold": { "type": "boolean" },
    }});
    json!({ "catalog@catalog.product_changed.v1": { "keys": keys.collect::<Vec<_>>(), "schema": fields } })
}

pub(crate) fn schema(schema: &Value) -> Value {
    json!({ "catalog@catalog.product_changed.v1": { "schema": schema } })
}

/// One field of the catalog's event, as the catalog writes it and orders reads it.
pub(crate) fn field(written: (&str, &[&str]), read: (&str, &[&str])) -> Value {
    let schema = |(name, required): (&str, &[&str])| json!({ "schema": { "type": "object", "required": required, "properties": { name: { "type": "string" } } } });
    json!({
        "catalog@catalog.product_changed.v1": schema(written), "orders@catalog.product_changed.v1": schema(read),
    })
}

pub(crate) fn deadline(after: &str) -> Value {
    json!({ "orders/sale": { "deadline": { "after": after } } })
}

pub(crate) fn excepts(rule: &str, of: &str) -> Value {
    json!([{ "rule": rule, "of": of, "reason": "a person looks at it" }])
}

/// The saga has no deadline, and its owner excepts something.
pub(crate) fn undated(exceptions: &Value) -> Value {
    json!({ "orders": { "exceptions": exceptions }, "orders/sale": { "deadline": null } })
}

/// The system in two versions of the saga, without a copy.
pub(crate) fn in_two_versions(more: &Value) -> Value {
    let all = json!({
        "orders/sale/place": { "until": 1 },
        "orders/sale/place_2": { "kind": "origin", "done": PLACED_2, "since": 2 },
        "inventory/sale/reserve": { "until": 1 },
        "inventory/sale/reserve_2": {
            "kind": "compensatable", "on": [PLACED_2], "done": RESERVED_2, "refused": SHORT, "since": 2,
        },
        "payments/sale/capture": { "until": 1 },
        "payments/sale/capture_2": { "kind": "pivot", "on": [RESERVED_2], "done": PAID, "refused": UNPAID, "since": 2 },
    });
    and(all, more)
}

/// A saga that nobody aborts.
pub(crate) fn never_aborted(more: &Value) -> Value {
    let all = json!({
        "orders/sale": { "abort": null, "aborts_on": null, "deadline": null },
        "inventory/sale": { "abort": null }, "payments/sale": { "abort": null },
        "payments/sale/capture": { "kind": "compensatable" },
    });
    and(all, more)
}
