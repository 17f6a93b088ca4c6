//! Pairs for the rules of sagas and of their runs, and for the notes.

use serde_json::{Value, json};

use crate::design::{
    CANCELLED, CONFIRMED, COUNTED, MISCOUNTED, PAID, PLACED, RELEASED, RESERVED, SHORT, UNPAID,
    WANTED, count, counts, deadline, excepts, field, hears, in_two_versions, never_aborted, origin,
    undated,
};

/// The id of each rule, a system that breaks it, and one that does not.
pub(crate) fn pairs() -> Vec<(&'static str, Value, Value)> {
    let mine =
        json!({ "owner": "inventory", "steps": { "note": origin("inventory.note_made.v1") } });
    let letters = |abort: Option<&str>| {
        json!({
            "letters/sale": { "owner": "orders", "abort": abort },
            "letters/sale/tell": { "kind": "compensatable", "on": [PAID], "done": "letters.customer_told.v1" },
        })
    };
    let mailing = |owner: &str| {
        json!({
            "letters/mailing": { "owner": owner },
            "letters/mailing/send": { "kind": "compensatable", "on": [WANTED], "done": "letters.letter_sent.v1" },
            "letters@orders.order_wanted.v1": { "also_from": ["shop"] },
        })
    };
    let begin = |on: &str| json!({ "kind": "origin", "on": [on], "done": PLACED });
    let begins = |on: &str| {
        json!({
            "orders/sale/take": begin(WANTED), "orders/sale/take_again": begin(on),
            "orders@orders.order_wanted.v1": { "also_from": ["shop"] },
            "orders@orders.order_wanted.v2": { "also_from": ["shop"] },
        })
    };
    let refusing = |refused: &str| json!({ "refused": refused, "kind": "compensatable", "on": [PLACED], "done": COUNTED });
    let every = |part: &Value| json!({ "orders/sale": part, "inventory/sale": part, "payments/sale": part });
    // Runs are searched only where no other rule is broken, so this one is excepted.
    let noted = |kind: &str| {
        json!({
            "orders": { "exceptions": excepts("B057", "note") },
            "orders/sale/note": { "kind": kind, "on": [PAID], "done": "orders.sale_noted.v1" },
        })
    };
    let confirmed = |on: [&str; 2]| json!({ "orders/sale/confirm": { "on": on } });
    // The decision waits for what the service publishes beside its steps.
    let retried = |before: &str, after: &str| {
        let scanned = "orders.parcel_scanned.v1";
        json!({
            "orders": { "publishes": [scanned] }, "orders/sale/confirm": { "on": [PAID, scanned] },
            "inventory/sale/count": { "kind": "compensatable", "on": [PLACED], "done": COUNTED, "retried_for": before },
            "inventory/sale/note": { "kind": "retriable", "on": [CONFIRMED], "done": MISCOUNTED, "retried_for": after },
        })
    };
    let total = "catalog@catalog.product_changed.v1";
    let priced = |kind: &str| json!({ total: { "schema": { "properties": { "price": { "type": kind } } } } });
    vec![
        (
            "B036",
            json!({ "inventory/again": { "saga": "sale", "owner": "orders", "abort": CANCELLED } }),
            json!({ "inventory/again": mine }),
        ),
        ("B037", json!({ "inventory/sale": { "aborts_on": [SHORT] } }), hears(SHORT)),
        (
            "B040",
            every(&json!({ "abort": null })),
            never_aborted(&json!({
                "inventory/sale/reserve": { "refused": null }, "payments/sale/capture": { "refused": null },
            })),
        ),
        (
            "B041",
            every(&json!({ "abort": CONFIRMED })),
            every(&json!({ "abort": "orders.order_ended.v1" })),
        ),
        (
            "B042",
            json!({ "orders/sale/give_up": { "kind": "compensatable", "on": [RESERVED], "done": CANCELLED } }),
            json!({ "orders/sale/note": { "kind": "compensatable", "on": [RESERVED], "done": "orders.noted.v1" } }),
        ),
        (
            "B043",
            json!({ "orders/sale": { "deadline": { "passed": CANCELLED } } }),
            json!({ "orders/sale": { "deadline": { "passed": "orders.order_late.v1" } } }),
        ),
        (
            "B044",
            json!({ "orders": { "publishes": [CONFIRMED] } }),
            json!({ "orders": { "publishes": ["orders.note_left.v1"] } }),
        ),
        (
            "B045",
            json!({ "orders/sale/confirm": { "kind": "retriable" } }),
            confirmed([PAID, RESERVED]),
        ),
        ("B046", deadline("PT2160H"), deadline("PT24H")),
        ("B047", json!({ "inventory/sale/reserve": { "kind": "pivot" } }), counts(&[RESERVED])),
        ("B048", begins(WANTED), begins("orders.order_wanted.v2")),
        (
            "B049",
            json!({ "inventory/sale/reserve": { "on": [PAID] } }),
            json!({ "payments/sale/capture": { "on": [PLACED, RESERVED] } }),
        ),
        (
            "B050",
            json!({ "inventory/sale/reserve": { "since": 3, "until": 2 } }),
            in_two_versions(&json!({})),
        ),
        (
            "B051",
            in_two_versions(&json!({ "orders/sale/place_2": null })),
            in_two_versions(&json!({})),
        ),
        ("B052", letters(None), letters(Some(CANCELLED))),
        ("B053", mailing("post"), mailing("letters")),
        (
            "B054",
            json!({ "orders/sale": { "deadline": null }, "orders/sale/confirm": null,
                "payments/sale/capture": { "kind": "compensatable" } }),
            json!({ "orders/sale": { "deadline": null } }),
        ),
        (
            "B055",
            json!({ "orders/sale": { "aborts_on": [UNPAID] } }),
            json!({ "orders/sale": { "aborts_on": [UNPAID] }, "inventory/sale/count": count(&[SHORT]) }),
        ),
        (
            "B056",
            json!({ "orders/sale/confirm": { "on": [RESERVED] } }),
            confirmed([RESERVED, PAID]),
        ),
        (
            "B057",
            json!({ "inventory/sale/count": { "kind": "retriable", "on": [PAID], "done": COUNTED } }),
            json!({ "inventory/sale/count": { "kind": "retriable", "on": [CONFIRMED], "done": COUNTED } }),
        ),
        (
            "B058",
            json!({ "inventory/sale/count": refusing(SHORT) }),
            json!({ "inventory/sale/count": refusing(SHORT), "payments/sale/capture": { "on": [RESERVED, COUNTED] } }),
        ),
        (
            "B060",
            json!({ "inventory/sale/count": refusing(MISCOUNTED), "payments/sale/capture": { "kind": "compensatable" },
                "orders/sale": { "aborts_on": [SHORT, UNPAID, MISCOUNTED] } }),
            json!({ "inventory/sale/count": refusing(MISCOUNTED), "payments/sale/capture": { "kind": "compensatable" },
                "orders/sale": { "aborts_on": [SHORT, UNPAID, MISCOUNTED] },
                "orders/sale/confirm": { "on": [PAID, COUNTED] } }),
        ),
        ("B061", counts(&[PAID, UNPAID]), counts(&[PAID, RESERVED])),
        ("B063", counts(&[SHORT]), hears(SHORT)),
        (
            "B064",
            json!({ "inventory/sale/count": { "until": 1, "kind": "compensatable", "on": [PLACED], "done": COUNTED },
            "orders/sale": { "begins": 2 } }),
            in_two_versions(&json!({})),
        ),
        ("B066", deadline("PT14S"), deadline("PT15S")),
        ("B066", retried("PT61M", "PT5M"), retried("PT60M", "PT61M")),
        ("B067", undated(&json!([])), deadline("PT2H")),
        ("B069", field(("name", &[]), ("title", &[])), field(("name", &[]), ("name", &[]))),
        ("B070", priced("number"), priced("integer")),
        (
            "B071",
            json!({ "orders": { "exceptions": excepts("B067", "sale") } }),
            undated(&excepts("B067", "sale")),
        ),
        ("B074", confirmed([PAID, RELEASED]), confirmed([PAID, RESERVED])),
        ("B075", noted("retriable"), noted("compensatable")),
        ("B076", noted("decision"), noted("compensatable")),
    ]
}
