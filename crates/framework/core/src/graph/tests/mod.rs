//! A sound choreography, and broken declarations for each rule.

use jiff::SignedDuration;

use super::*;
use crate::parts::part::{DeadlinePart, Part, StepKind, StepPart, SubscriptionPart};
use crate::parts::versions::Versions;

mod goes_on;
mod notes;
mod path;
mod versions;

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
    StepPart::new(name, kind, on.to_vec(), done)
}

fn part(service: &'static str, aborts_on: &[EventType], steps: Vec<StepPart>) -> Part {
    let saga = SagaPart {
        abort: Some(CANCELLED),
        aborts_on: aborts_on.to_vec(),
        ..SagaPart::new("fulfillment", "orders", steps)
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
    graph.problems().into_iter().map(|problem| problem.rule.says).collect()
}

#[test]
fn a_sound_choreography_has_no_problems() {
    assert_eq!(broken(sound()), Vec::<&str>::new());
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
fn a_deadline_after_its_saga_is_forgotten_is_found() {
    for hours in [-1, 90 * 24] {
        assert_eq!(broken(with_deadline(hours)), ["a deadline ends before its saga is forgotten"]);
    }
}

#[test]
fn names_of_another_form_or_of_the_system_are_found() {
    let named = |service: &'static str| Part { service, ..Part::default() };
    let said = |part| rules::of_service(&part).iter().map(ToString::to_string).collect::<Vec<_>>();
    for (name, instead) in [
        ("Warranty Service", "warranty_service"),
        ("warranty-service", "warranty_service"),
        ("warranty.eu", "warranty_eu"),
        (" Warranty! ", "warranty"),
        ("2nd", "nd"),
        ("", "my_service"),
        ("保証", "my_service"),
    ] {
        let told = said(named(name)).join("\n");
        assert!(told.ends_with(&format!("call it {instead:?}")), "{told}");
        assert_eq!(said(named(instead)), [""; 0]);
    }
    let taken =
        ["journal", "unrouted", "ops", "redrive", "topology", "tap", "events", "dead", "telemetry"];
    for name in taken {
        assert!(said(named(name))[0].starts_with("B003 a service's name is its own"), "{name}");
    }
}

#[test]
fn a_producer_has_a_name_of_its_own() {
    let of = |producers: &'static [&'static str]| {
        let mut parts = sound();
        parts[0].publishes.push(EventType::plain("orders.note_left.v1").also_from(producers));
        broken(parts)
    };
    assert_eq!(of(&["storefront", "till"]), [""; 0]);
    // The user of operators, the user of the journal's readers, and that of a service.
    for producers in [&["ops"][..], &["tap"], &["till", "inventory"], &["orders"]] {
        assert_eq!(of(producers), ["a producer's name is its own"], "{producers:?}");
    }
    assert_eq!(of(&["Till 2"]), ["a producer's name is lower case with underscores"]);
}

#[test]
fn a_service_that_does_not_hear_of_the_abort_is_found() {
    let rule = "a saga has one owner and one abort for all services";
    let other = EventType::in_saga("orders.order_withdrawn.v1");
    for abort in [None, Some(other)] {
        let mut parts = sound();
        parts[1].sagas[0].abort = abort;
        assert!(broken(parts).contains(&rule), "{abort:?}");
    }
    let mut parts = sound();
    parts[1].sagas[0].owner = "sales";
    assert_eq!(broken(parts), [rule]);
    let mut parts = sound();
    parts[1].sagas[0].abort = None;
    let graph = Graph::new(System { name: "shop", parts });
    assert_eq!(
        graph.problems()[0].detail,
        "orders declares that fulfillment is owned by orders, and is aborted by \
         orders.order_cancelled.v1; inventory, that it is owned by orders, and is never aborted. What \
         inventory did in it would not be undone: let inventory declare the owner and the abort that \
         orders does"
    );
}

#[test]
fn a_saga_with_neither_a_decision_nor_a_deadline_is_found() {
    let mut parts = sound();
    parts.pop();
    parts[0].sagas[0].steps.pop();
    parts[0].sagas[0].aborts_on = vec![SHORT];
    assert_eq!(broken(parts.clone()), ["a saga comes to an end"]);
    // A saga that is never aborted is over when its steps are done.
    for part in &mut parts {
        part.sagas[0].abort = None;
        part.sagas[0].aborts_on.clear();
    }
    parts[1].sagas[0].steps[0].refused = None;
    assert_eq!(broken(parts), [""; 0]);
}

#[test]
fn t121_two_steps_of_one_name_are_found_also_in_two_sagas() {
    let mut parts = sound();
    let twice = parts[1].sagas[0].steps[0].clone();
    parts[1].sagas[0].steps.push(twice);
    assert_eq!(broken(parts), ["a step's name is unique in its service"]);
    let mut parts = sound();
    let another = SagaPart { saga: "returns", ..parts[1].sagas[0].clone() };
    parts[1].sagas.push(another);
    assert!(broken(parts).contains(&"a step's name is unique in its service"));
}

#[test]
fn two_steps_that_begin_a_saga_on_one_event_are_found() {
    let begin =
        |name, versions| StepPart { versions, ..step(name, StepKind::Origin, &[WANTED], PLACED) };
    let with = |one, other| {
        let mut parts = sound();
        parts[0].sagas[0].steps.extend([begin("take", one), begin("take_again", other)]);
        rules::of_service(&parts[0]).iter().map(|problem| problem.rule.says).collect::<Vec<_>>()
    };
    let rule = "one step begins a saga on an event";
    assert_eq!(with(Versions::ALL, Versions::ALL), [rule]);
    // In the second version both would.
    assert_eq!(with(Versions::ALL, Versions::ALL.since(2)), [rule]);
    assert_eq!(with(Versions::ALL.until(1), Versions::ALL.since(2)), [""; 0]);
}

const WANTED: EventType = EventType::starts_saga("orders.order_wanted.v1").also_from(&["shop"]);
const INSURED: EventType = EventType::in_saga("orders.order_insured.v1");
const AGREED: EventType = EventType::in_saga("orders.insurance_agreed.v1");
const UNINSURED: EventType = EventType::in_saga("orders.insurance_cancelled.v1");

/// The sound choreography and an insurance. One event begins both.
fn two_sagas(insurance: Vec<StepPart>, abort: EventType) -> Vec<Part> {
    let mut parts = sound();
    parts[0].sagas[0].steps[0].on = vec![WANTED];
    let insure = step("insure", StepKind::Origin, &[WANTED], INSURED);
    let agree = step("agree", StepKind::Decision, &[INSURED], AGREED);
    parts[0].sagas.push(SagaPart {
        abort: Some(abort),
        ..SagaPart::new("insurance", "orders", [vec![insure, agree], insurance].concat())
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
    let steps = vec![step("file", StepKind::Compensatable, &[PAID], file)];
    let rule = "sagas share no event but the one that begins them";
    assert_eq!(broken(two_sagas(steps, UNINSURED)), [rule]);
    // The abort of one would abort the other.
    assert_eq!(broken(two_sagas(Vec::new(), CANCELLED)), [rule; 4]);
    // So would the deadline of one.
    let mut parts = two_sagas(Vec::new(), UNINSURED);
    let passed = EventType::in_saga("orders.deadline_passed.v1");
    let deadline = DeadlinePart { passed, after: SignedDuration::from_hours(1) };
    parts[0].sagas.iter_mut().for_each(|saga| saga.deadline = Some(deadline));
    assert_eq!(broken(parts), [rule; 2]);
}
