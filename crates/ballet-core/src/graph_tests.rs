//! A sound choreography, and broken declarations for each rule.

use jiff::SignedDuration;

use super::*;
use crate::part::{DeadlinePart, Part, StepKind, StepPart, SubscriptionPart};
use crate::versions::Versions;

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
        saga: "fulfillment",
        owner: "orders",
        abort: Some(CANCELLED),
        aborts_on: aborts_on.to_vec(),
        deadline: None,
        begins: 1,
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
fn an_event_has_one_role_wherever_it_is_named() {
    let mut parts = sound();
    parts[1].sagas[0].steps[0].on = vec![EventType::starts_saga("orders.order_placed.v1")];
    assert_eq!(broken(parts), ["an event is the same for all services"]);
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

/// The sound choreography without a pivot, and with a step that may refuse on this event.
fn without_a_pivot(on: EventType) -> Vec<Part> {
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
fn a_refusal_is_not_judged_by_a_decision_of_which_nobody_knows_what_comes_before() {
    let asked = EventType::in_saga("orders.order_accepted.v1").also_from(&["clerk"]);
    // The clerk accepts what he was asked for.
    let mut parts = without_a_pivot(PLACED);
    parts[0].sagas[0].steps[1].on = vec![asked];
    assert_eq!(broken(parts), [""; 0]);
    // After a refusal another step goes on.
    let mut parts = without_a_pivot(PLACED);
    let no_paper = parts[0].sagas[0].aborts_on.pop().expect("a refusal");
    parts[0].sagas[0].steps[1].on.push(no_paper);
    assert_eq!(broken(parts), [""; 0]);
}

#[test]
fn a_refusal_after_what_cannot_be_undone_is_found() {
    let mut parts = sound();
    parts[1].sagas[0].steps[0] = step("reserve", StepKind::Retriable, &[PLACED], RESERVED);
    parts[0].sagas[0].aborts_on = vec![UNPAID];
    assert_eq!(broken(parts), [UNDECIDED]);
    // A saga that is never aborted has no decision to wait for.
    let mut parts = sound();
    for part in &mut parts {
        part.sagas[0].abort = None;
        part.sagas[0].aborts_on.clear();
    }
    parts[1].sagas[0].steps[0] = step("reserve", StepKind::Retriable, &[PLACED], RESERVED);
    assert!(broken(parts).contains(&"what comes before a refusal can be undone"));
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
         .compensatable(..), or let it wait for an event after the decision, such as \
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

#[test]
fn an_abort_that_is_the_decision_is_found() {
    let mut parts = sound();
    for part in &mut parts {
        part.sagas[0].abort = Some(CONFIRMED);
    }
    assert_eq!(broken(parts), ["an abort is another event than the decision"]);
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
        assert!(said(named(name))[0].starts_with("a service's name is its own"), "{name}");
    }
    let mut parts = sound();
    parts[1].sagas[0].steps[0].name = "Reserve stock";
    assert_eq!(broken(parts), ["a step's name is lower case with underscores"]);
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
fn what_one_service_declares_wrongly_is_found_without_the_others() {
    for part in sound() {
        assert_eq!(rules::of_service(&part), []);
    }
    let rules = |part| rules::of_service(&part).iter().map(|p| p.rule).collect::<Vec<_>>();
    let inventory = || sound().remove(1);

    let mut part = inventory();
    part.sagas[0].steps[0].on = vec![PLACED, PLACED];
    assert_eq!(rules(part), ["a join waits for different events"]);
    let mut part = inventory();
    part.sagas[0].steps[0].refused = Some(RESERVED);
    assert_eq!(rules(part), ["a step's outcomes are different events"]);
    let mut part = inventory();
    part.sagas[0].abort = Some(EventType::plain("orders.order_cancelled.v1"));
    assert_eq!(rules(part), ["the events of a saga carry its id"]);
    let mut part = inventory();
    let again = SagaPart { steps: Vec::new(), ..part.sagas[0].clone() };
    part.sagas.push(again);
    assert_eq!(rules(part), ["a service declares its part in a saga once"]);
    let mut part = sound().remove(0);
    part.sagas[0].owner = "sales";
    assert_eq!(rules(part), ["only its owner begins, decides and aborts a saga"]);
    let mut part = inventory();
    part.sagas[0].steps[0].on = vec![RESERVED];
    assert_eq!(rules(part), ["no step waits for itself"]);
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
         inventory did in it would not be undone: let inventory declare the OWNER and the Abort that \
         orders does"
    );
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
fn a_saga_with_neither_a_decision_nor_a_deadline_is_found() {
    let mut parts = sound();
    parts.pop();
    parts[0].sagas[0].steps.pop();
    parts[0].sagas[0].aborts_on = vec![SHORT];
    assert_eq!(broken(parts.clone()), ["a saga comes to an end"]);
    // What is never aborted is over when its steps are done.
    for part in &mut parts {
        part.sagas[0].abort = None;
        part.sagas[0].aborts_on.clear();
    }
    parts[1].sagas[0].steps[0].refused = None;
    assert_eq!(broken(parts), [""; 0]);
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
const AGREED: EventType = EventType::in_saga("orders.insurance_agreed.v1");
const UNINSURED: EventType = EventType::in_saga("orders.insurance_cancelled.v1");

/// The sound choreography and an insurance. One event begins both.
fn two_sagas(insurance: Vec<StepPart>, abort: EventType) -> Vec<Part> {
    let mut parts = sound();
    parts[0].sagas[0].steps[0].on = vec![WANTED];
    let insure = step("insure", StepKind::Origin, &[WANTED], INSURED);
    let agree = step("agree", StepKind::Decision, &[INSURED], AGREED);
    parts[0].sagas.push(SagaPart {
        saga: "insurance",
        owner: "orders",
        abort: Some(abort),
        aborts_on: Vec::new(),
        deadline: None,
        begins: 1,
        steps: [vec![insure, agree], insurance].concat(),
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
}

const PLACED_2: EventType = EventType::in_saga("orders.order_placed.v2");
const RESERVED_2: EventType = EventType::in_saga("inventory.stock_reserved.v2");
const CHECKED: EventType = EventType::in_saga("credit.credit_checked.v1");
const BAD: EventType = EventType::in_saga("credit.credit_refused.v1");
const FORGOTTEN: EventType = EventType::in_saga("credit.check_forgotten.v1");

/// The same in two versions. In the second, credit comes before the pivot, and may refuse.
fn in_two_versions() -> Vec<Part> {
    let (old, new) = (Versions::ALL.until(1), Versions::ALL.since(2));
    let mut parts = sound();
    for (part, on, done) in
        [(0, None, PLACED_2), (1, Some(PLACED_2), RESERVED_2), (2, Some(CHECKED), PAID)]
    {
        let steps = &mut parts[part].sagas[0].steps;
        let name = ["place_v2", "reserve_v2", "capture_v2"][part];
        let on = on.into_iter().collect();
        let next = StepPart { name, on, done, versions: new, ..steps[0].clone() };
        steps[0].versions = old;
        steps.insert(1, next);
    }
    parts[0].sagas[0].aborts_on.push(BAD);
    let check = StepPart {
        refused: Some(BAD),
        compensated: Some(FORGOTTEN),
        versions: new,
        ..step("check", StepKind::Compensatable, &[RESERVED_2], CHECKED)
    };
    parts.push(part("credit", &[], vec![check]));
    parts
}

#[test]
fn each_of_two_versions_is_sound_by_itself() {
    assert_eq!(broken(in_two_versions()), Vec::<&str>::new());
    let graph = Graph::new(System { name: "shop", parts: in_two_versions() });
    assert_eq!(graph.versions("fulfillment"), [1, 2].into());
    let pivots = |version| {
        let graph = graph.in_version("fulfillment", version);
        let pivots = graph.nodes("fulfillment").into_iter();
        pivots.filter(|node| node.step.kind == StepKind::Pivot).map(|node| node.step.name).collect()
    };
    let (first, second): (Vec<_>, Vec<_>) = (pivots(1), pivots(2));
    assert_eq!((&first[..], &second[..]), (&["capture"][..], &["capture_v2"][..]));
    // The second alone, when the first is gone.
    let mut parts = in_two_versions();
    for part in &mut parts {
        part.sagas[0].steps.retain(|step| step.versions.has(2));
    }
    parts[0].sagas[0].begins = 2;
    assert_eq!(broken(parts), Vec::<&str>::new());
}

#[test]
fn a_pivot_of_the_version_before_that_would_not_wait_is_found() {
    // Nobody told the two apart at their beginning: the stock is reserved with the same event in both.
    let mut parts = in_two_versions();
    let (orders, inventory) = (0, 1);
    for part in [orders, inventory] {
        parts[part].sagas[0].steps.remove(1);
        parts[part].sagas[0].steps[0].versions = Versions::ALL;
    }
    parts[3].sagas[0].steps[0].on = vec![RESERVED];
    // Of the old pivot in new sagas, and of the new step in old ones.
    assert_eq!(broken(parts), ["no event of one version triggers a step of another"; 2]);
}

#[test]
fn a_refusal_of_one_version_that_nobody_acts_on_is_found() {
    let mut parts = in_two_versions();
    parts[0].sagas[0].aborts_on.pop();
    assert_eq!(broken(parts), ["every refusal has somebody who acts on it"]);
}

#[test]
fn a_version_that_nothing_begins_is_found() {
    let mut parts = in_two_versions();
    parts[0].sagas[0].steps.remove(1);
    let found = broken(parts);
    assert!(found.contains(&"each version of a saga has a beginning"), "{found:?}");
}

#[test]
fn a_projection_that_hears_of_no_new_saga_is_found() {
    let mut parts = in_two_versions();
    let counted = |on| SubscriptionPart { name: "counted", on };
    parts[2].subscriptions.push(counted(PLACED));
    assert_eq!(broken(parts.clone()), Vec::<&str>::new());
    parts[0].sagas[0].begins = 2;
    assert_eq!(broken(parts.clone()), ["what follows a saga follows each version"]);
    parts[2].subscriptions.push(counted(PLACED_2));
    assert_eq!(broken(parts), Vec::<&str>::new());
}

#[test]
fn versions_are_counted_from_one() {
    let mut parts = in_two_versions();
    parts[1].sagas[0].steps[0].versions = Versions::ALL.since(3).until(2);
    let found = broken(parts);
    assert!(found.contains(&"a step is of some version of its saga"), "{found:?}");
    // A contract from outside does not make the checks endless.
    let mut parts = in_two_versions();
    parts[1].sagas[0].steps[0].versions = Versions::ALL.since(u32::MAX);
    broken(parts);
}
