//! The rules for the path of a saga, its decision and its pivot.

use super::*;

#[test]
fn a_refusal_beside_or_after_the_pivot_is_found() {
    let beside = |on| {
        let mut parts = sound();
        let refusing = StepPart {
            refused: Some(SHORT),
            ..step("commit", StepKind::Compensatable, &[on], RELEASED)
        };
        parts[1].sagas[0].steps.push(refusing);
        broken(parts)
    };
    assert_eq!(beside(PLACED), ["nothing refusable beside or after the pivot"]);
    assert!(beside(CONFIRMED).contains(&"nothing refusable beside or after the pivot"));
}

/// The sound choreography without a pivot, and with a step that may refuse on this event.
pub(super) fn without_a_pivot(on: EventType) -> Vec<Part> {
    let wrapped = EventType::in_saga("gifts.gift_wrapped.v1");
    let no_paper = EventType::in_saga("gifts.no_paper.v1");
    let wrap = step("wrap", StepKind::Compensatable, &[on], wrapped);
    let mut parts = sound();
    parts[2].sagas[0].steps[0].kind = StepKind::Compensatable;
    parts[0].sagas[0].aborts_on.push(no_paper);
    parts.push(part("gifts", &[], vec![StepPart { refused: Some(no_paper), ..wrap }]));
    parts
}

#[test]
fn a_refusal_beside_or_after_the_decision_of_a_saga_without_a_pivot_is_found() {
    for on in [PLACED, CONFIRMED] {
        let found = broken(without_a_pivot(on));
        assert_eq!(found, ["nothing refusable beside or after the decision"], "{on}");
    }
    let joined = |mut parts: Vec<Part>| {
        let wrapped = parts[3].sagas[0].steps[0].done;
        parts[0].sagas[0].steps[1].on.push(wrapped);
        parts
    };
    assert_eq!(broken(joined(without_a_pivot(PLACED))), [""; 0]);
}

#[test]
fn a_refusal_that_does_not_abort_may_come_after_the_decision() {
    // Somebody else acts on it.
    let mut parts = without_a_pivot(CONFIRMED);
    let no_paper = parts[0].sagas[0].aborts_on.pop().expect("a refusal");
    let told = EventType::in_saga("letters.customer_told.v1");
    parts.push(part("letters", &[], vec![step("tell", StepKind::Retriable, &[no_paper], told)]));
    assert!(!broken(parts).contains(&"nothing refusable beside or after the decision"));
}

#[test]
fn a_refusal_beside_or_after_a_decision_that_waits_for_somebody_outside_is_found() {
    let asked = EventType::in_saga("orders.order_accepted.v1").also_from(&["clerk"]);
    let wrapped = EventType::in_saga("gifts.gift_wrapped.v1");
    let no_paper = EventType::in_saga("gifts.no_paper.v1");
    // The clerk may accept whatever he knows, and whenever, so the decision has to wait for the
    // outcome itself.
    let decided_on = |on: &[EventType]| {
        let mut parts = without_a_pivot(PLACED);
        parts[0].sagas[0].steps[1].on = [&[RESERVED, PAID], on].concat();
        broken(parts)
    };
    let rule = "nothing refusable beside or after the decision";
    for on in [&[asked][..], &[]] {
        assert_eq!(decided_on(on), [rule], "{on:?}");
    }
    assert_eq!(decided_on(&[asked, wrapped]), [""; 0]);
    let mut parts = without_a_pivot(CONFIRMED);
    parts[0].sagas[0].steps[1].on = vec![RESERVED, PAID, asked];
    assert_eq!(broken(parts), [rule]);
    // A service that publishes beside its steps knows of those that it hears of.
    let sealed = EventType::in_saga("orders.order_sealed.v1");
    let mut parts = without_a_pivot(PLACED);
    parts[0].publishes = vec![sealed];
    parts[0].sagas[0].steps[1].on = vec![PAID, sealed];
    assert_eq!(broken(parts.clone()), [rule]);
    parts[0].subscriptions.push(SubscriptionPart { name: "gifts", on: wrapped });
    assert_eq!(broken(parts), [""; 0]);
    // After a refusal another step goes on.
    let mut parts = without_a_pivot(PLACED);
    parts[0].sagas[0].aborts_on.pop();
    parts[0].sagas[0].steps[1].on.push(no_paper);
    assert_eq!(broken(parts), [""; 0]);
}

#[test]
fn an_abort_by_the_owner_itself_after_the_decision_is_found() {
    let sealed = EventType::in_saga("orders.order_sealed.v1");
    let mut parts = without_a_pivot(PLACED);
    parts.pop();
    parts[0].sagas[0].aborts_on.pop();
    assert_eq!(broken(parts.clone()), [""; 0]);
    let seal = step("seal", StepKind::Compensatable, &[CONFIRMED], sealed);
    parts[0].sagas[0].steps.push(StepPart { refused: Some(CANCELLED), ..seal });
    assert_eq!(broken(parts), ["nothing refusable beside or after the decision"]);
}

#[test]
fn a_join_that_is_never_complete_is_found() {
    let rule = "a join can be complete";
    let told = EventType::in_saga("letters.customer_told.v1");
    let with = |on: &[EventType]| {
        let mut parts = sound();
        let tell = step("tell", StepKind::Compensatable, on, told);
        parts.push(part("letters", &[], vec![tell]));
        parts
    };
    // The owner aborts on the refusals, too.
    let conflict = "no step goes on with what aborts its saga";
    assert_eq!(broken(with(&[PAID, UNPAID])), [rule, conflict]);
    assert_eq!(broken(with(&[RESERVED, UNPAID])), [conflict]);
    // A paid order was reserved before.
    assert_eq!(broken(with(&[PAID, SHORT])), [rule, conflict]);
    let graph = Graph::new(System { name: "shop", parts: with(&[PAID, SHORT]) });
    assert_eq!(
        graph.problems()[0].detail,
        "letters.tell waits for payments.payment_captured.v1, which comes after inventory.reserve is done, and for \
         inventory.stock_short.v1, which comes after it refuses: declare a step for each"
    );
    // Of an event that comes after both, one is enough.
    let noted = EventType::in_saga("letters.note_made.v1");
    let mut parts = with(&[PAID, noted]);
    for (name, on, expected) in
        [("note_short", SHORT, &[rule, conflict][..]), ("note_held", RESERVED, &[conflict][..])]
    {
        parts[3].sagas[0].steps.push(step(name, StepKind::Compensatable, &[on], noted));
        assert_eq!(broken(parts.clone()), expected, "{name}");
    }
    // Of a step that repeats, one may be done and another refused.
    let mut parts = with(&[PAID, UNPAID]);
    parts[2].sagas[0].steps[0].compensated_by = vec![PLACED];
    assert_eq!(broken(parts), [conflict]);
    // So may one that each repetition of another triggers, under a key that is in no contract.
    let mut parts = with(&[PAID, UNPAID]);
    parts[1].sagas[0].steps[0].compensated_by = vec![PLACED];
    assert_eq!(broken(parts), [conflict]);
    // A step that waits for both acts on no refusal.
    let mut parts = with(&[PAID, UNPAID]);
    parts[0].sagas[0].aborts_on = vec![SHORT];
    assert_eq!(broken(parts), ["every refusal has somebody who acts on it", rule]);
}

#[test]
fn steps_that_wait_for_one_another_over_a_refusal_are_found() {
    let [wrapped, no_paper, told] =
        ["gifts.gift_wrapped.v1", "gifts.no_paper.v1", "letters.customer_told.v1"]
            .map(EventType::in_saga);
    let wrap = step("wrap", StepKind::Compensatable, &[told], wrapped);
    let tell = step("tell", StepKind::Compensatable, &[no_paper], told);
    let mut parts = sound();
    parts[2].sagas[0].steps[0].on.push(wrapped);
    parts.push(part("gifts", &[], vec![StepPart { refused: Some(no_paper), ..wrap }]));
    parts.push(part("letters", &[], vec![tell]));
    assert_eq!(broken(parts.clone()), ["no step waits for itself"]);
    let graph = Graph::new(System { name: "shop", parts: parts.clone() });
    let said = graph.problems().remove(0).detail;
    assert!(
        said.contains("gifts.wrap and letters.tell: some of them wait for one another"),
        "{said}"
    );
    // Somebody outside may tell the customer, too.
    parts[3].sagas[0].steps[0].on = vec![told.also_from(&["clerk"])];
    parts[4].sagas[0].steps[0].done = told.also_from(&["clerk"]);
    assert_eq!(broken(parts), [""; 0]);
}

const UNDECIDED: &str = "what cannot be undone waits for the decision";

/// The sound choreography and a retriable step of another service.
fn with_retriable(on: &[EventType]) -> Vec<Part> {
    let welcomed = EventType::in_saga("letters.customer_welcomed.v1");
    let welcome = step("welcome_customer", StepKind::Retriable, on, welcomed);
    let mut parts = sound();
    parts.push(part("letters", &[], vec![welcome]));
    parts
}

#[test]
fn a_retriable_step_before_the_decision_is_found_and_told_how_to_mend_it() {
    // Beside the steps that may refuse, after one of them, and on the pivot's own event, which an
    // abort may overtake.
    for on in [&[PLACED][..], &[RESERVED], &[PAID], &[PLACED, RESERVED]] {
        assert_eq!(broken(with_retriable(on)), [UNDECIDED], "{on:?}");
    }
    let graph = Graph::new(System { name: "shop", parts: with_retriable(&[PLACED]) });
    assert_eq!(
        graph.problems()[0].detail,
        "letters.welcome_customer is retriable and runs on orders.order_placed.v1, while fulfillment \
         may still be aborted; it would stay done. Write its compensation and declare it with \
         `#[compensatable(undo = ..)]`, or let it wait for an event after the decision, such as \
         orders.order_confirmed.v1"
    );
}

#[test]
fn a_retriable_step_after_the_decision_is_sound() {
    for on in [&[CONFIRMED][..], &[PLACED, CONFIRMED]] {
        assert_eq!(broken(with_retriable(on)), [""; 0], "{on:?}");
    }
    // Over another retriable step.
    let mut parts = with_retriable(&[CONFIRMED]);
    let welcomed = parts[3].sagas[0].steps[0].done;
    let asked = EventType::in_saga("critic.review_asked.v1");
    parts.push(part("critic", &[], vec![step("ask", StepKind::Retriable, &[welcomed], asked)]));
    assert_eq!(broken(parts), [""; 0]);
}

#[test]
fn a_retriable_step_on_an_event_that_others_publish_before_the_decision_is_found() {
    const HELD: EventType = EventType::in_saga("orders.order_held.v1");
    let with = |other: StepPart| {
        let mut parts = with_retriable(&[CONFIRMED]);
        parts[0].sagas[0].steps.push(other);
        parts
    };
    let hold = |done| StepPart {
        compensated: Some(EventType::in_saga("orders.order_let_go.v1")),
        ..step("hold", StepKind::Compensatable, &[PLACED], done)
    };
    assert_eq!(broken(with(hold(CONFIRMED))), [UNDECIDED]);
    let refusing = StepPart { refused: Some(CONFIRMED), ..hold(HELD) };
    assert!(broken(with(refusing)).contains(&UNDECIDED));
    // Another decision may publish it too.
    let by_hand = step("confirm_by_hand", StepKind::Decision, &[PAID], CONFIRMED);
    assert_eq!(broken(with(by_hand)), [""; 0]);
    // Two steps publish what comes after the decision, and each has to.
    let twice = |on| {
        let asked = EventType::in_saga("critic.review_asked.v1");
        let ask = |name, kind, on| StepPart {
            compensated: (kind == StepKind::Compensatable)
                .then_some(EventType::in_saga("critic.review_dropped.v1")),
            ..step(name, kind, &[on], asked)
        };
        let kind = if on == CONFIRMED { StepKind::Retriable } else { StepKind::Compensatable };
        let mut parts = with_retriable(&[asked]);
        let first = ask("ask", StepKind::Retriable, CONFIRMED);
        parts.push(part("critic", &[], vec![first, ask("ask_again", kind, on)]));
        broken(parts)
    };
    assert_eq!(twice(CONFIRMED), [""; 0]);
    assert_eq!(twice(RESERVED), [UNDECIDED]);
}
