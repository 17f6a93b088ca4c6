//! The rules for packs: who may say that an event is packed, and that its consumers take packs.

use crate::contract::ServiceContract;
use crate::events::event::EventType;
use crate::parts::part::System;
use crate::rules::catalogue;
use crate::rules::problem::Problem;

pub(super) fn problems(contract: &ServiceContract) -> Vec<Problem> {
    let service = contract.service();
    let packed = contract.packed().unwrap_or_default().into_iter();
    let of_others = packed.filter(|event| event.service() != service);
    let problem = |event: EventType| Problem {
        rule: &catalogue::PACK_OWNER,
        service: service.to_owned(),
        of: event.name().to_owned(),
        detail: format!(
            "{service} says that {event} is packed: only the contract of {} says so",
            event.service()
        ),
    };
    of_others.map(problem).collect()
}

pub(super) fn check_consumers(system: &System, problems: &mut Vec<Problem>) {
    for owner in &system.parts {
        let own = |event: &EventType| event.is_packed() && event.service() == owner.service;
        for event in owner.emits().into_iter().filter(own) {
            let consumes = system.parts.iter().filter(|part| part.consumes().contains(&event));
            for consumer in consumes.filter(|part| !part.takes_packs) {
                problems.push(Problem {
                    rule: &catalogue::PACK_TAKEN,
                    service: owner.service.to_owned(),
                    of: event.name().to_owned(),
                    detail: format!(
                        "{} packs {event}, and the contract of {} does not say that it takes packs",
                        owner.service, consumer.service
                    ),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::parts::part::{Part, SubscriptionPart};
    use crate::rules::{of_contract, of_system};

    const PLACED: EventType = EventType::plain("orders.order_placed.v1");

    fn system(placed: EventType, takes_packs: bool) -> System {
        let orders = Part { service: "orders", publishes: vec![placed], ..Part::default() };
        // What a consumer is built with says nothing.
        let on = SubscriptionPart { name: "mail", on: PLACED.packs() };
        let mail =
            Part { service: "mail", subscriptions: vec![on], takes_packs, ..Part::default() };
        System { name: "shop", parts: vec![orders, mail] }
    }

    #[test]
    fn an_event_is_packed_only_for_consumers_that_take_packs() {
        for (placed, takes_packs) in [(PLACED, false), (PLACED, true), (PLACED.packs(), true)] {
            assert_eq!(of_system(&system(placed, takes_packs)), []);
        }
        let problems = of_system(&system(PLACED.packs(), false));
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert_eq!((problem.rule.id, problem.of.as_str()), ("B072", PLACED.name()));
        assert!(problem.detail.contains("the contract of mail"), "{}", problem.detail);
    }

    #[test]
    fn only_the_owners_contract_says_that_an_event_is_packed() {
        let contract = |service: &str| -> ServiceContract {
            let event =
                json!({ "name": PLACED.name(), "role": "plain", "packs": true, "schema": {} });
            let contract = json!({ "contract": 1, "service": service, "events": [event] });
            serde_json::from_value(contract).expect("a contract")
        };
        assert_eq!(of_contract(&contract("orders")), []);
        let problems = of_contract(&contract("mail"));
        assert_eq!(problems.iter().map(|one| one.rule.id).collect::<Vec<_>>(), ["B073"]);
    }
}
