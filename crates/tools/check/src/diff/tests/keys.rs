//! Business keys whose declaration changes.

use super::*;

#[test]
fn a_key_that_goes_or_moves_breaks_nobody_and_is_named() {
    let with = |keys: Value| {
        let mut all = system();
        event(&mut all, "orders", PLACED)["keys"] = keys;
        contracts(&all)
    };
    let said = |before: Value, after: Value| {
        let found = Diff::of_systems(&with(before), &with(after));
        assert_eq!(found.breaking, []);
        let row = |change: &ContractChange| format!("{}: {}", change.rule.name(), change.what);
        found.compatible.iter().map(row).collect::<Vec<_>>()
    };
    let order = json!({ "name": "order", "field": "order_id" });
    let made = json!({ "name": "order", "field": "order_id", "made_here": true });
    let moved = json!({ "name": "order", "field": "channel" });
    let sku = json!({ "name": "product", "field": "lines[].sku" });
    assert_eq!(said(json!([order]), json!([order])), [""; 0]);
    assert_eq!(said(json!([]), json!([order])), ["added: the key order is in `order_id`"]);
    let [was, is] = ["removed: no longer: the key order is in", "added: the key order is in"];
    let gone = format!("{was} `order_id`");
    assert_eq!(said(json!([order, sku]), json!([sku])), std::slice::from_ref(&gone));
    let mut found = said(json!([order]), json!([moved]));
    found.sort_unstable();
    assert_eq!(found, [format!("{is} `channel`"), gone.clone()]);
    let mut found = said(json!([order]), json!([made]));
    found.sort_unstable();
    assert_eq!(found, [format!("{is} `order_id`, and made here"), gone]);
}
