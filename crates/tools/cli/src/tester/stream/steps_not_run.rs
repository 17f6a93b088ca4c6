//! Steps that no recorded saga has run, about which a comparison says nothing.

use std::collections::BTreeSet;

use ballet::core::{EventType, StepPart, System};

use crate::base::systems::loaded_system;
use crate::base::ui;

pub(crate) fn say(recorded: &BTreeSet<String>) {
    for line in loaded_system().map(|system| never(system, recorded)).unwrap_or_default() {
        ui::say(&line);
    }
}

fn never(system: &System, recorded: &BTreeSet<String>) -> Vec<String> {
    let is_missing = |event: &EventType| !recorded.contains(event.name());
    let (mut ran, mut refused, mut compensated) = (Vec::new(), Vec::new(), Vec::new());
    for part in &system.parts {
        for step in part.sagas.iter().flat_map(|saga| &saga.steps) {
            let StepPart { name, done, refused: refuses, compensated: undone, .. } = step;
            let place = format!("{name} of {}", part.service);
            if is_missing(done) {
                // Nothing else can be said of such a step.
                ran.push(place);
                continue;
            }
            if refuses.as_ref().is_some_and(is_missing) {
                refused.push(place.clone());
            }
            if undone.as_ref().is_some_and(is_missing) {
                compensated.push(place);
            }
        }
    }
    [
        ("no recorded saga ran", ran),
        ("none was refused by", refused),
        ("none compensated", compensated),
    ]
    .into_iter()
    .filter(|(_, places)| !places.is_empty())
    .map(|(what, places)| format!("not tried: {what} {}", places.join(", ")))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_that_no_event_shows() {
        let system = shop::system();
        let untried = ["inventory.stock_released.v1", "payments.payment_capture_failed.v1"];
        let known = system.known_types();
        let names = known.iter().map(|event| event.name().to_owned());
        let some = names.filter(|name| !untried.contains(&&**name)).collect();
        let expected = [
            "not tried: none was refused by capture_payment of payments",
            "not tried: none compensated reserve_stock of inventory",
        ];
        assert_eq!(never(&system, &some), expected);
        let none = never(&system, &BTreeSet::new());
        assert!(none.len() == 1 && none[0].contains("reserve_stock of inventory"), "{none:?}");
    }
}
