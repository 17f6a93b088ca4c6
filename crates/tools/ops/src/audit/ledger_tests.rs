//! Tests of the rules on the rows of one saga.

use jiff::SignedDuration;

use super::*;
use crate::audit::fixtures::{
    ABORT, CONFIRMED, DELIVERED, LOST, PLACE, RESERVE, RESERVED, rows, step, system,
};

#[test]
fn the_event_that_began_a_saga_under_a_removed_version_is_acted_on() {
    let mut system = system();
    system.parts[0].sagas[0].steps[0].on = vec![DELIVERED];
    let orders = |first: &str| rows(&[first, "done confirm orders.confirmed.v1"]);
    let has_acted = |rows: &[RecordedRow]| {
        let part = &system.parts[0];
        has_acted(part, &part.sagas[0], DELIVERED.name(), rows)
    };
    assert!(has_acted(&orders(PLACE)) && has_acted(&orders("done place_v1 orders.placed.v0")));
    assert!(!has_acted(&[]));
}

#[test]
fn what_was_done_long_ago_is_to_be_undone_since_its_abort() {
    let (mut rows, aborted) =
        (rows(&[RESERVE, ABORT]), Timestamp::UNIX_EPOCH + SignedDuration::from_hours(7));
    rows[1].recorded_at = aborted;
    let system = system();
    let left = unfinished(&system.parts[1], &rows, |_, _| false);
    assert_eq!(left.iter().map(|one| one.since).collect::<Vec<_>>(), [aborted]);
}

#[test]
fn a_refusal_that_is_the_abort_itself_is_one_event() {
    let system = system();
    let of = |lines: &[&str]| {
        let rows = rows(lines);
        published(&system.parts[0], &rows).into_iter().map(|row| row.step.clone()).collect()
    };
    let refused: Vec<String> = of(&["refused place orders.cancelled.v1", ABORT]);
    assert_eq!(refused, ["place"]);
    let aborted: Vec<String> = of(&[PLACE, ABORT]);
    assert_eq!(aborted, ["place", ""]);
}

#[test]
fn of_two_sagas_with_one_id_only_that_which_a_removed_step_began_is_undecided() {
    let mut part = system().parts.remove(0);
    let steps = vec![
        step("ask_back", StepKind::Origin, &[], LOST),
        step("take_back", StepKind::Decision, &[RESERVED], DELIVERED),
    ];
    part.sagas.push(SagaPart::new("returns", "orders", steps));
    let old = "done place_v1 orders.placed.v0";
    let open = |last: &str| undecided(&part, &rows(&[old, last])).len();
    assert_eq!(open("done confirm orders.confirmed.v1"), 0);
    assert_eq!(open("aborted - orders.cancelled.v1 order"), 0);
}

#[test]
fn undos_run_in_reverse() {
    let mut part = system().parts.remove(1);
    let second = step("pack", StepKind::Compensatable, &[RESERVED], CONFIRMED);
    part.sagas[0].steps.push(second);
    let order = |last: [&str; 2]| rows(&[RESERVE, "done pack", ABORT, last[0], last[1]]);
    let [pack, reserve] = ["undone pack", "undone reserve"];
    assert_eq!(contradictions(&part, &order([pack, reserve])), [""; 0]);
    let wrong = contradictions(&part, &order([reserve, pack]));
    assert_eq!(wrong, ["reserve is undone before the later pack"]);
}

#[test]
fn what_another_version_did_later_is_undone_first() {
    let part = system().parts.remove(1);
    let undone_last = |later: &str| {
        let [done, undone] = ["done", "undone"].map(|entry| format!("{entry} {later}"));
        let other = "aborted - stock.lost.v1 delivery";
        contradictions(&part, &rows(&[RESERVE, &done, ABORT, other, "undone reserve", &undone]))
    };
    assert_eq!(undone_last("paint"), ["reserve is undone before the later paint"]);
    assert_eq!(undone_last("deliver"), [""; 0]);
}

#[test]
fn t179_a_tombstone_is_of_the_saga_that_it_names() {
    let system = system();
    let [of_order, of_delivery] = &system.parts[1].sagas[..] else { panic!("two") };
    let covers = |name: &str| {
        let row = &rows(&[&format!("aborted - orders.cancelled.v1 {name}")])[0];
        [of_order, of_delivery].map(|saga| aborts(&system.parts[1], row, saga))
    };
    assert_eq!(covers(of_order.saga), [true, false]);
    assert_eq!(covers(of_delivery.saga), [false, true]);
    // Another version of the service wrote it.
    assert_eq!(covers("returns"), [true, true]);
}
