//! Sagas that go on where they should not: joins that a refusal leaves, steps on what aborts; and what is excepted.

use super::path::without_a_pivot;
use super::*;
use crate::parts::part::ExceptionPart;

const WRAPPED: EventType = EventType::in_saga("gifts.gift_wrapped.v1");
const NO_PAPER: EventType = EventType::in_saga("gifts.no_paper.v1");
const PACKED: EventType = EventType::in_saga("gifts.gift_packed.v1");

/// A gift is packed when it is wrapped and in stock. It is wrapped while the order goes on, or not for want of paper.
fn with_gifts(other: StepPart) -> Vec<Part> {
    let mut parts = without_a_pivot(PLACED);
    parts[0].sagas[0].aborts_on.pop();
    let pack = step("pack", StepKind::Compensatable, &[WRAPPED, RESERVED], PACKED);
    parts[3].sagas[0].steps.extend([pack, other]);
    parts
}

#[test]
fn a_join_that_a_refusal_leaves_waiting_is_found() {
    let told = EventType::in_saga("gifts.customer_told.v1");
    let tell = |on: &[EventType]| step("tell", StepKind::Compensatable, on, told);
    let rule = "no refusal leaves a join waiting";
    assert_eq!(broken(with_gifts(tell(&[NO_PAPER]))), [rule]);
    let graph = Graph::new(System { name: "shop", parts: with_gifts(tell(&[NO_PAPER])) });
    let problem = &graph.problems()[0];
    assert_eq!((&*problem.service, &*problem.of), ("gifts", "pack"));
    let said = "gifts.pack waits for inventory.stock_reserved.v1 and for gifts.gift_wrapped.v1, which does not come if \
                gifts.wrap refuses";
    assert!(problem.detail.starts_with(said), "{problem}");
    // Another step takes what came, or comes to the same end.
    assert_eq!(broken(with_gifts(tell(&[NO_PAPER, RESERVED]))), [""; 0]);
    let plain = step("pack_plain", StepKind::Compensatable, &[NO_PAPER], PACKED);
    assert_eq!(broken(with_gifts(plain)), [""; 0]);
    // One that comes later takes what came, by way of another event.
    let [shelved, stored] =
        ["gifts.gift_shelved.v1", "gifts.gift_stored.v1"].map(EventType::in_saga);
    let mut parts = with_gifts(step("shelve", StepKind::Compensatable, &[RESERVED], shelved));
    let store = step("store", StepKind::Compensatable, &[NO_PAPER, shelved], stored);
    parts[3].sagas[0].steps.push(store);
    assert_eq!(broken(parts), [""; 0]);
    // Both ways meet again after the join.
    let mut parts = with_gifts(step("label", StepKind::Compensatable, &[PACKED], told));
    parts[3].sagas[0].steps.push(tell(&[NO_PAPER]));
    assert_eq!(broken(parts), [""; 0]);
    // What follows the refusal aborts.
    let mut parts = with_gifts(tell(&[NO_PAPER]));
    parts[0].sagas[0].aborts_on.push(told);
    parts[0].sagas[0].steps[1].on.push(WRAPPED);
    assert_eq!(broken(parts), [""; 0]);
    // The first event of the saga is no branch: the join only reads it.
    let mut parts = with_gifts(tell(&[NO_PAPER]));
    parts[3].sagas[0].steps[1].on = vec![PLACED, WRAPPED];
    assert_eq!(broken(parts), [""; 0]);
    // The refusal aborts, and the decision waits for the step.
    let mut parts = without_a_pivot(PLACED);
    let pack = step("pack", StepKind::Compensatable, &[WRAPPED, RESERVED], PACKED);
    parts[3].sagas[0].steps.push(pack);
    parts[0].sagas[0].steps[1].on.push(WRAPPED);
    assert_eq!(broken(parts), [""; 0]);
}

#[test]
fn a_step_that_goes_on_with_what_aborts_its_saga_is_found() {
    let rule = "no step goes on with what aborts its saga";
    let told = EventType::in_saga("letters.customer_told.v1");
    let mut parts = sound();
    parts.push(part("letters", &[], vec![step("tell", StepKind::Compensatable, &[SHORT], told)]));
    assert_eq!(broken(parts), [rule]);
    let mut parts = sound();
    parts[2].subscriptions.push(SubscriptionPart { name: "short", on: SHORT });
    assert_eq!(broken(parts), [""; 0]);
}

#[test]
fn two_services_that_answer_one_event_in_conflict_are_found() {
    let [flagged, cleared] =
        ["fraud.order_flagged.v1", "fraud.order_cleared.v1"].map(EventType::in_saga);
    let with = |check: StepPart| {
        let mut parts = sound();
        parts[0].sagas[0].aborts_on.push(flagged);
        parts.push(part("fraud", &[], vec![check]));
        parts
    };
    // The stock is reserved and the order confirmed on the same event.
    let check = |done| step("check", StepKind::Compensatable, &[PLACED], done);
    assert_eq!(broken(with(check(flagged))), ["no step goes on with what aborts its saga"]);
    // The payment waits for the outcome.
    let mut parts = with(StepPart { refused: Some(flagged), ..check(cleared) });
    parts[2].sagas[0].steps[0].on.push(cleared);
    assert_eq!(broken(parts), [""; 0]);
}

#[test]
fn a_service_excepts_what_is_right_as_it_is_and_says_why() {
    let with = |rule, of, reason| {
        let mut parts = sound();
        parts[0].sagas[0].aborts_on = vec![UNPAID];
        parts[0].exceptions.push(ExceptionPart { rule, of, reason });
        System { name: "shop", parts }
    };
    let rules = |problems: Vec<Problem>| {
        problems.into_iter().map(|problem| problem.rule.id).collect::<Vec<_>>()
    };
    let excepted = with("B055", SHORT.name(), "a person looks at it");
    assert_eq!(rules(rules::of_system(&excepted)), [""; 0]);
    let found = rules::with_excepted(&excepted);
    assert_eq!(rules::unused_exceptions(&excepted, &found), []);
    // Of something else.
    let other = with("B055", "inventory.stock_gone.v1", "a person looks at it");
    assert_eq!(rules(rules::of_system(&other)), ["B055"]);
    let unused = rules::unused_exceptions(&other, &rules::with_excepted(&other));
    assert_eq!(rules(unused), ["B071"]);
    // Of no rule, of one without which the service does not start, and without a reason.
    for (rule, reason) in [("B999", "why"), ("B047", "why"), ("B055", " ")] {
        let System { parts, .. } = with(rule, "reserve", reason);
        assert_eq!(rules(rules::of_service(&parts[0])), ["B035"], "{rule}");
    }
}
