//! Says which steps no recorded saga has run: that all is the same says nothing about them.

use std::collections::{BTreeSet, HashSet};

use ballet::core::System;

use crate::systems::systems;
use crate::ui;

/// Says what of the system's steps the recorded events do not show.
pub(crate) fn say(recorded: &HashSet<String>) {
    for system in systems() {
        let never = Never::of(&system, recorded);
        for (what, steps) in [
            ("no recorded saga ran", never.ran),
            ("none was refused by", never.refused),
            ("none compensated", never.compensated),
        ] {
            if !steps.is_empty() {
                let steps: Vec<_> = steps.into_iter().collect();
                ui::say(&format!("not tried: {what} {}", steps.join(", ")));
            }
        }
    }
}

/// The steps that never did what they may.
#[derive(Debug, Default, PartialEq, Eq)]
struct Never {
    ran: BTreeSet<String>,
    refused: BTreeSet<String>,
    compensated: BTreeSet<String>,
}

impl Never {
    fn of(system: &System, recorded: &HashSet<String>) -> Self {
        let mut never = Self::default();
        for part in &system.parts {
            for step in part.sagas.iter().flat_map(|saga| &saga.steps) {
                let name = || format!("{} of {}", step.name, part.service);
                let is_recorded = |event: &ballet::core::EventType| recorded.contains(event.name());
                let outcomes = [Some(step.done), step.refused];
                if !outcomes.iter().flatten().any(is_recorded) {
                    never.ran.insert(name());
                    continue;
                }
                if step.refused.is_some_and(|event| !is_recorded(&event)) {
                    never.refused.insert(name());
                }
                if step.compensated.is_some_and(|event| !is_recorded(&event)) {
                    never.compensated.insert(name());
                }
            }
        }
        never
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_that_no_event_shows() {
        let system = shop::system();
        let all: HashSet<String> =
            system.known_types().iter().map(|event| event.name().to_owned()).collect();
        assert_eq!(Never::of(&system, &all), Never::default());
        let mut some = all;
        for event in ["inventory.stock_released.v1", "payments.payment_capture_failed.v1"] {
            assert!(some.remove(event), "{event}");
        }
        let set = |steps: &[&str]| steps.iter().map(|step| (*step).to_owned()).collect();
        let expected = Never {
            ran: BTreeSet::new(),
            refused: set(&["capture_payment of payments"]),
            compensated: set(&["reserve_stock of inventory"]),
        };
        assert_eq!(Never::of(&system, &some), expected);
        assert!(Never::of(&system, &HashSet::new()).ran.contains("reserve_stock of inventory"));
    }
}
