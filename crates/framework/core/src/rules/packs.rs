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
