//! The rules that need the declarations of all services of a system, as one call for a test.

use ballet::core::{Problem, System, rules};

/// Checks what the services of a system declare: that each event has somebody who publishes it, each
/// refusal somebody who acts on it, that a saga can be taken back until it is decided, and all other
/// rules of [`rules`]. It runs nothing.
///
/// A service checks the rules for its own declaration when it starts. Those for the whole system are
/// checked by this call only, so write a test with it beside each service:
///
/// ```
/// use ballet::Participant;
/// use ballet::core::System;
///
/// # fn orders() -> Participant { Participant::new("orders") }
/// # fn loyalty() -> Participant { Participant::new("loyalty") }
/// let parts = vec![orders().part(), loyalty().part()];
/// ballet_testkit::assert_sound(&System { name: "shop", parts });
/// ```
///
/// # Panics
///
/// With every rule that is broken, what breaks it, and what to change.
pub fn assert_sound(system: &System) {
    let problems: Vec<String> = rules::of_system(system).iter().map(Problem::to_string).collect();
    assert!(
        problems.is_empty(),
        "the declarations of {} break {} rules:\n  {}\n",
        system.name,
        problems.len(),
        problems.join("\n  ")
    );
}

#[cfg(test)]
mod tests {
    use ballet::core::{Part, SubscriptionPart};
    use ballet::{EventType, Participant};

    use super::*;

    #[test]
    #[should_panic(expected = "points waits for orders.order_placed.v1, which nobody emits")]
    fn a_trigger_that_nobody_publishes_is_found() {
        let placed = EventType::in_saga("orders.order_placed.v1");
        let subscriptions = vec![SubscriptionPart { name: "points", on: placed }];
        let points = Part { subscriptions, ..Participant::new("points").part() };
        assert_sound(&System { name: "shop", parts: vec![points] });
    }
}
