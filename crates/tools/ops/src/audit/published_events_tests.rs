//! Tests of events that were never published, and of sagas that never end.

use super::*;
use crate::audit::fixtures::{ABORT, PLACE, RESERVE, rows, system};

#[test]
fn what_was_recorded_and_never_published_is_noticed_also_if_nobody_acts_on_it() {
    let system = system();
    let undo = "undone reserve stock.released.v1";
    let missing = |stock: &[&str], seen: &[&str]| {
        let rows = BTreeMap::from([("orders", rows(&[PLACE, ABORT])), ("stock", rows(stock))]);
        let seen = |event: &str| seen.iter().filter(|seen| **seen == event).count();
        never_published(&system, Uuid::nil(), &rows, seen)
    };
    let others = ["orders.placed.v1", "orders.cancelled.v1", "stock.reserved.v1"];
    let all = [&others[..], &["stock.released.v1"]].concat();
    assert_eq!(missing(&[RESERVE, ABORT, undo], &all), [""; 0]);
    let nil = Uuid::nil();
    let line = |rows: &str, seen: usize| {
        format!(
            "saga {nil}: stock has recorded stock.released.v1 in {rows}, and {seen} were published"
        )
    };
    assert_eq!(missing(&[RESERVE, ABORT, undo], &others), [line("1 row", 0)]);
    // A step with keys publishes an event for each key.
    let keyed = [RESERVE, ABORT, undo, "undone reserve stock.released.v1 two"];
    assert_eq!(missing(&keyed, &all), [line("2 rows", 1)]);
    // The outcome of a call that came after the abort is not published.
    assert_eq!(missing(&["calling reserve", ABORT, RESERVE, undo], &all[..2]), [line("1 row", 0)]);
    // An event that the ledger has forgotten is not missing.
    assert_eq!(missing(&[], &others[..2]), [""; 0]);
}

#[test]
fn a_saga_that_is_begun_and_neither_decided_nor_aborted_never_ends() {
    let (system, nil) = (system(), Uuid::nil());
    let ending = |orders: &[&str]| {
        let rows = BTreeMap::from([("orders", rows(orders)), ("stock", rows(&[RESERVE]))]);
        never_ending(&system, nil, &rows)
    };
    assert_eq!(ending(&[PLACE]), [(nil, "orders".to_owned())]);
    assert_eq!(ending(&[PLACE, ABORT]), []);
    assert_eq!(ending(&[PLACE, "done confirm orders.confirmed.v1"]), []);
    // A release has removed the step that began the saga, and perhaps the one that decided it.
    let old = "done place_v1 orders.placed.v0";
    assert_eq!(ending(&[old]), [(nil, "orders".to_owned())]);
    assert_eq!(ending(&[old, ABORT]), []);
    assert_eq!(ending(&[old, "done confirm orders.confirmed.v1"]), []);
    assert_eq!(ending(&[old, "done confirm_v1 orders.confirmed.v0"]), []);
    // Another removed step neither decided it nor shows that the owner began it.
    assert_eq!(ending(&[old, "done hold_v1 orders.held.v0"]), [(nil, "orders".to_owned())]);
    assert_eq!(ending(&["done note_v1 orders.noted.v1"]), []);
}
