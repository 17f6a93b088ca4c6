//! Steps that no recorded saga has run, about which a comparison says nothing.

use std::collections::BTreeSet;

use ballet::core::System;
use ballet_ops::monitor::coverage;

use crate::base::systems::loaded_system;
use crate::base::ui;

pub(crate) fn say(recorded: &BTreeSet<String>) {
    for line in loaded_system().map(|system| never(system, recorded)).unwrap_or_default() {
        ui::say(&line);
    }
}

fn never(system: &System, recorded: &BTreeSet<String>) -> Vec<String> {
    let all = coverage(system, |event| u64::from(recorded.contains(event)));
    let never = |what: &str, says: &str| {
        let missing = all.iter().filter(|step| step.never().contains(&what));
        let places: Vec<_> =
            missing.map(|step| format!("{} of {}", step.step, step.service)).collect();
        (!places.is_empty()).then(|| format!("not tried: {says} {}", places.join(", ")))
    };
    let kinds = [
        ("ran", "no recorded saga ran"),
        ("refused", "none was refused by"),
        ("compensated", "none compensated"),
    ];
    kinds.into_iter().filter_map(|(what, says)| never(what, says)).collect()
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
