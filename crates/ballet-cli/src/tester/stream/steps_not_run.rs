//! Reports steps that no recorded saga has run: a comparison without differences says nothing about them.

use ballet::core::System;
use ballet_ops::coverage::{Coverage, CoveragePoint, OutcomeKind, Sightings};

use crate::base::systems::loaded_system;
use crate::base::ui;

/// Reports the steps of the system that the recorded events do not show.
pub(crate) fn say(recorded: &Sightings) {
    for line in loaded_system().map(|system| never(system, recorded)).unwrap_or_default() {
        ui::say(&line);
    }
}

fn never(system: &System, recorded: &Sightings) -> Vec<String> {
    let points = Coverage::of(system, recorded).points;
    let never = |declared: OutcomeKind| {
        let is_never =
            move |point: &&CoveragePoint| point.declared == declared && point.seen.count == 0;
        let places: Vec<String> =
            points.iter().filter(is_never).map(CoveragePoint::place).collect();
        places
    };
    let ran = never(OutcomeKind::Step);
    // This is all that can be said of a step that has not run.
    let rest =
        |declared| never(declared).into_iter().filter(|place| !ran.contains(place)).collect();
    let (refused, compensated): (Vec<_>, Vec<_>) =
        (rest(OutcomeKind::Refusal), rest(OutcomeKind::Compensation));
    [
        ("no recorded saga ran", &ran),
        ("none was refused by", &refused),
        ("none compensated", &compensated),
    ]
    .into_iter()
    .filter(|(_, places)| !places.is_empty())
    .map(|(what, places)| format!("not tried: {what} {}", places.join(", ")))
    .collect()
}

#[cfg(test)]
mod tests {
    use ballet_ops::coverage::SightingCount;

    use super::*;

    #[test]
    fn steps_are_told_that_no_event_shows() {
        let system = shop::system();
        let mut some = Sightings::default();
        let untried = ["inventory.stock_released.v1", "payments.payment_capture_failed.v1"];
        for event in system.known_types().iter().filter(|event| !untried.contains(&event.name())) {
            some.add(event.name(), SightingCount { count: 1, last: None });
        }
        let expected = [
            "not tried: none was refused by capture_payment of payments",
            "not tried: none compensated reserve_stock of inventory",
        ];
        assert_eq!(never(&system, &some), expected);
        let none = never(&system, &Sightings::default());
        assert!(none.len() == 1 && none[0].contains("reserve_stock of inventory"), "{none:?}");
    }
}
