//! Bodies: maps, whose fields no schema names, and handwritten contracts.

use super::*;

fn labelled(writes: &Value, reads: &Value) -> [Value; 2] {
    let mut all = system();
    for (service, labels) in [("orders", writes), ("inventory", reads)] {
        schema(&mut all, service, PLACED)["properties"]["labels"] = labels.clone();
    }
    all
}

#[test]
fn a_map_whose_values_may_be_anything_breaks_who_reads_text() {
    let texts = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let any = json!({ "type": "object", "additionalProperties": true });
    let named = json!({ "type": "object", "properties": { "colour": { "type": "string" } } });
    let changed = |reads: &Value, before: &Value, after: &Value| {
        let [before, after] = [before, after].map(|writes| contracts(&labelled(writes, reads)));
        rows(changes(&before, &after))
    };
    assert_eq!(changed(&texts, &texts, &any), one("type", PLACED, "labels.*", "inventory"));
    let found = changed(&named, &texts, &any);
    assert_eq!(found, one("type", PLACED, "labels.colour", "inventory"));
    for (before, after) in [(&texts, &any), (&any, &texts)] {
        assert!(changed(&any, before, after).is_empty(), "{before} {after}");
    }
    // Beside named fields it forbids no others, and a reader may be the first to know one.
    let mut open = json!({ "type": "object", "properties": { "size": { "type": "string" } } });
    open["additionalProperties"] = json!(true);
    let [before, after] = [&open, &named].map(|reads| contracts(&labelled(&open, reads)));
    assert_eq!(changes(&before, &after), []);
}

#[test]
fn what_the_values_of_a_map_with_numbers_as_keys_refer_to_is_compared() {
    let by_number = json!({ "type": "object", "additionalProperties": false,
        "patternProperties": { "^\\d+$": { "$ref": "#/$defs/Label" } } });
    let with = |label: &str| {
        let mut all = labelled(&by_number, &by_number);
        for (service, of) in [("orders", label), ("inventory", "string")] {
            schema(&mut all, service, PLACED)["$defs"]["Label"] = json!({ "type": of });
        }
        contracts(&all)
    };
    assert_eq!(changes(&with("string"), &with("string")), []);
    let found = rows(changes(&with("string"), &with("integer")));
    assert_eq!(found, one("type", PLACED, "labels.*", "inventory"));
}

#[test]
fn a_map_with_other_keys_cannot_be_compared() {
    let numbered = |pattern: &str| json!({ "type": "object", "patternProperties": { pattern: { "type": "string" } } });
    let (whole, any) = (numbered("^\\d+$"), numbered("^-?\\d+$"));
    let [before, after] = [&whole, &any].map(|reads| contracts(&labelled(&whole, reads)));
    let found = rows(changes(&before, &after));
    assert_eq!(found, one("unclear", PLACED, "labels", "inventory"));
}

/// The report of `ballet check` on the bodies that inventory reads.
fn said(services: &[Value; 2]) -> Vec<String> {
    let problems = contracts(services).problems().into_iter();
    let of_bodies =
        problems.filter(|one| one.rule.says == "a consumer reads what the publisher writes");
    of_bodies.map(|one| one.detail).collect()
}

#[test]
fn a_contract_by_hand_need_not_say_how_wide_a_number_is() {
    let by_hand = json!({ "type": "integer" });
    for reads in [
        json!({ "type": "integer", "format": "int64" }),
        json!({ "type": "integer", "format": "uint32", "minimum": 0 }),
        json!({ "type": "array", "items": { "type": "integer", "format": "int32" }, "uniqueItems": true }),
    ] {
        let writes = match reads["type"] == "array" {
            true => json!({ "type": "array", "items": by_hand }),
            false => by_hand.clone(),
        };
        assert_eq!(said(&labelled(&writes, &reads)), [""; 0], "{reads}");
    }
    // An explicit format counts.
    let reads = json!({ "type": "integer", "format": "uint32", "minimum": 0 });
    let writes = json!({ "type": "integer", "minimum": -1 });
    assert_eq!(
        said(&labelled(&writes, &reads)),
        [
            "inventory reads orders.order_placed.v1, and `labels` may be below 0 in the contract of orders: let \
             inventory take it, or orders declare that it writes less"
        ]
    );
    let writes = json!({ "type": "integer", "format": "int64" });
    assert_eq!(said(&labelled(&writes, &reads)).len(), 2);
}
