//! A sound choreography, and one broken declaration for each rule.

use jiff::SignedDuration;

use super::*;
use crate::part::DeadlinePart;

const PLACED: EventType = EventType::in_saga("orders.order_placed.v1");
const CANCELLED: EventType = EventType::in_saga("orders.order_cancelled.v1");
const CONFIRMED: EventType = EventType::in_saga("orders.order_confirmed.v1");
const RESERVED: EventType = EventType::in_saga("inventory.stock_reserved.v1");
const SHORT: EventType = EventType::in_saga("inventory.stock_short.v1");
const RELEASED: EventType = EventType::in_saga("inventory.stock_released.v1");
const PAID: EventType = EventType::in_saga("payments.payment_captured.v1");
const UNPAID: EventType = EventType::in_saga("payments.capture_failed.v1");
const REFUNDED: EventType = EventType::in_saga("payments.payment_refunded.v1");

fn step(name: &'static str, kind: StepKind, on: &[EventType], done: EventType) -> StepPart {
    StepPart {
        name,
        kind,
        on: on.to_vec(),
        done,
        refused: None,
        compensated: None,
        compensated_by: Vec::new(),
        calls_outside: false,
    }
}

fn part(service: &'static str, aborts_on: &[EventType], steps: Vec<StepPart>) -> Part {
    let saga = SagaPart {
        saga: "fulfillment",
        owner: "orders",
        abort: Some(CANCELLED),
        aborts_on: aborts_on.to_vec(),
        deadline: None,
        steps,
    };
    Part { service, sagas: vec![saga], ..Part::default() }
}

/// orders -> inventory -> payments (pivot) -> orders.
fn sound() -> Vec<Part> {
    let reserve = StepPart {
        refused: Some(SHORT),
        compensated: Some(RELEASED),
        ..step("reserve", StepKind::Compensatable, &[PLACED], RESERVED)
    };
    let capture = StepPart {
        refused: Some(UNPAID),
        compensated: Some(REFUNDED),
        ..step("capture", StepKind::Pivot, &[RESERVED], PAID)
    };
    vec![
        part(
            "orders",
            &[SHORT, UNPAID],
            vec![
                step("place", StepKind::Origin, &[], PLACED),
                step("confirm", StepKind::Decision, &[PAID], CONFIRMED),
            ],
        ),
        part("inventory", &[], vec![reserve]),
        part("payments", &[], vec![capture]),
    ]
}

fn broken(parts: Vec<Part>) -> Vec<&'static str> {
    let graph = Graph::new(System { name: "shop", parts });
    graph.problems().into_iter().map(|problem| problem.rule).collect()
}

#[test]
fn a_sound_choreography_has_no_problems() {
    assert_eq!(broken(sound()), Vec::<&str>::new());
}

#[test]
fn a_trigger_without_an_emitter_is_found() {
    let mut parts = sound();
    parts[0].sagas[0].steps.remove(0);
    assert_eq!(broken(parts), ["every trigger has an emitter"]);
}

#[test]
fn a_refusal_that_nobody_acts_on_is_found() {
    let mut parts = sound();
    parts[0].sagas[0].aborts_on = vec![UNPAID];
    assert_eq!(broken(parts), ["every refusal has somebody who acts on it"]);
}

fn with_deadline(hours: i64) -> Vec<Part> {
    let passed = EventType::in_saga("orders.deadline_passed.v1");
    let after = SignedDuration::from_hours(hours);
    let mut parts = sound();
    parts[0].sagas[0].deadline = Some(DeadlinePart { passed, after });
    parts
}

#[test]
fn the_owner_hears_its_own_deadline_and_nobody_else_does() {
    let graph = Graph::new(System { name: "shop", parts: with_deadline(1) });
    assert_eq!(graph.problems(), []);
    let passed = EventType::in_saga("orders.deadline_passed.v1");
    assert_eq!(graph.consumers(passed), ["orders"]);
    assert!(graph.system().parts[0].emits().contains(&passed));
}

#[test]
fn a_deadline_that_nothing_ends_is_found() {
    let mut parts = with_deadline(1);
    parts.pop();
    parts[0].sagas[0].steps.pop();
    parts[0].sagas[0].aborts_on = vec![SHORT];
    assert_eq!(broken(parts), ["a deadline has a decision that ends it"]);
}

#[test]
fn a_deadline_after_its_saga_is_forgotten_is_found() {
    for hours in [-1, 90 * 24] {
        assert_eq!(broken(with_deadline(hours)), ["a deadline ends before its saga is forgotten"]);
    }
}

#[test]
fn a_deadline_outside_of_the_saga_is_found() {
    let mut parts = with_deadline(1);
    let passed = EventType::plain("orders.deadline_passed.v1");
    parts[0].sagas[0].deadline =
        parts[0].sagas[0].deadline.map(|deadline| DeadlinePart { passed, ..deadline });
    assert_eq!(broken(parts), ["the events of a saga carry its id"]);
}

#[test]
fn a_second_pivot_is_found() {
    let mut parts = sound();
    parts[1].sagas[0].steps[0].kind = StepKind::Pivot;
    assert!(broken(parts).contains(&"a saga has at most one pivot"));
}

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

#[test]
fn a_refusal_after_what_cannot_be_undone_is_found() {
    let mut parts = sound();
    parts[1].sagas[0].steps[0] = step("reserve", StepKind::Retriable, &[PLACED], RESERVED);
    parts[0].sagas[0].aborts_on = vec![UNPAID];
    assert_eq!(broken(parts), ["what comes before a refusal can be undone"]);
}

#[test]
fn a_saga_without_an_owner_is_found() {
    let mut parts = sound();
    for part in &mut parts {
        part.sagas[0].owner = "nobody";
    }
    assert!(broken(parts).contains(&"a saga has an owner"));
}

#[test]
fn an_unrecorded_pivot_is_found() {
    let mut parts = sound();
    parts[0].sagas[0].steps[1].kind = StepKind::Retriable;
    assert!(broken(parts).contains(&"the owner records the pivot's outcome"));
}

#[test]
fn a_circle_is_found() {
    let mut parts = sound();
    parts[1].sagas[0].steps[0].on = vec![PAID];
    assert!(broken(parts).contains(&"no step waits for itself"));
}

#[test]
fn foreign_and_plain_events_are_found() {
    let mut parts = sound();
    parts[2].publishes.push(EventType::plain("orders.extra.v1"));
    assert_eq!(broken(parts), ["an event belongs to the service that it is named after"]);
    let mut parts = sound();
    parts[1].sagas[0].steps[0].compensated = Some(EventType::plain("inventory.stock_released.v1"));
    assert_eq!(broken(parts), ["the events of a saga carry its id"]);
}

#[test]
fn two_steps_of_one_name_are_found_also_in_two_sagas() {
    let mut parts = sound();
    let twice = parts[1].sagas[0].steps[0].clone();
    parts[1].sagas[0].steps.push(twice);
    assert_eq!(broken(parts), ["a step's name is unique in its service"]);
    let mut parts = sound();
    let another = SagaPart { saga: "returns", ..parts[1].sagas[0].clone() };
    parts[1].sagas.push(another);
    assert!(broken(parts).contains(&"a step's name is unique in its service"));
}

const WANTED: EventType = EventType::starts_saga("orders.order_wanted.v1").also_from(&["shop"]);
const INSURED: EventType = EventType::in_saga("orders.order_insured.v1");
const UNINSURED: EventType = EventType::in_saga("orders.insurance_cancelled.v1");

/// The sound choreography and an insurance. One event begins both.
fn two_sagas(insurance: Vec<StepPart>, abort: EventType) -> Vec<Part> {
    let mut parts = sound();
    parts[0].sagas[0].steps[0].on = vec![WANTED];
    let insure = step("insure", StepKind::Origin, &[WANTED], INSURED);
    parts[0].sagas.push(SagaPart {
        saga: "insurance",
        owner: "orders",
        abort: Some(abort),
        aborts_on: Vec::new(),
        deadline: None,
        steps: [vec![insure], insurance].concat(),
    });
    parts
}

#[test]
fn one_event_may_begin_two_sagas() {
    let graph = Graph::new(System { name: "shop", parts: two_sagas(Vec::new(), UNINSURED) });
    assert_eq!(graph.problems(), []);
    assert_eq!(graph.begun_by(WANTED), BTreeSet::from(["fulfillment", "insurance"]));
    assert_eq!(graph.begun_by(PLACED), BTreeSet::new());
}

#[test]
fn a_saga_that_acts_on_an_event_of_another_is_found() {
    let file = EventType::in_saga("orders.insurance_filed.v1");
    let steps = vec![step("file", StepKind::Retriable, &[PAID], file)];
    let rule = "sagas share no event but the one that begins them";
    assert_eq!(broken(two_sagas(steps, UNINSURED)), [rule]);
    // The abort of one would abort the other.
    assert_eq!(broken(two_sagas(Vec::new(), CANCELLED)), [rule; 4]);
}
