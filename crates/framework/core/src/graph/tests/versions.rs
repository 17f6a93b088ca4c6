//! Sagas in several versions.

use super::*;

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
    // Nobody told the two apart at their beginning, and the stock is reserved with the same event
    // in both.
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
