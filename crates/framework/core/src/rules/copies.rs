//! The rules for copies: who shares an entity, and whether each reader can be fed.

use std::collections::{BTreeMap, BTreeSet};

use crate::parts::part::{CopyPart, Part, System};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

pub(super) fn check(part: &Part, problems: &mut Vec<Problem>) {
    for CopyPart { entity, owner, fed_by, request, .. } in &part.copies {
        let reader = part.service;
        if request.is_none() {
            problems.push(Problem {
                rule: &catalogue::COPY_REQUEST,
                service: reader.to_owned(),
                of: (*entity).to_owned(),
                detail: format!(
                    "{reader} copies {entity}, and the entity's `requests(..)` have no event of \
                     {reader}: add {reader}.{entity}s_requested.v1"
                ),
            });
        }
        for event in fed_by.iter().filter(|event| event.service() != *owner) {
            problems.push(Problem {
                rule: &catalogue::COPY_FEED,
                service: reader.to_owned(),
                of: (*entity).to_owned(),
                detail: format!(
                    "{reader} feeds its copy of {entity} from {event}; {owner} owns it: feed it from \
                     events of {owner}"
                ),
            });
        }
    }
}

/// The rules for entities: each has one owner, who shares what others copy.
pub(super) fn check_owners(system: &System, problems: &mut Vec<Problem>) {
    let shares = || {
        let parts = system.parts.iter();
        parts.flat_map(|part| part.shares.iter().map(move |share| (part.service, share)))
    };
    let owners = |entity: &str| -> Vec<&str> {
        shares().filter(|(_, share)| share.entity == entity).map(|(service, _)| service).collect()
    };
    let shared: BTreeSet<&str> = shares().map(|(_, share)| share.entity).collect();
    for (entity, owners) in shared.into_iter().map(|entity| (entity, owners(entity))) {
        if owners.len() > 1 {
            problems.push(Problem {
                rule: &catalogue::ENTITY_OWNER,
                service: owners[0].to_owned(),
                of: entity.to_owned(),
                detail: format!(
                    "{entity} is shared by {}: rename one of the entities",
                    owners.join(" and ")
                ),
            });
        }
    }
    for part in &system.parts {
        for CopyPart { entity, owner, request, .. } in &part.copies {
            let reader = part.service;
            let Some((_, share)) =
                shares().find(|(service, share)| service == owner && share.entity == *entity)
            else {
                problems.push(Problem {
                    rule: &catalogue::COPY_SHARED,
                    service: reader.to_owned(),
                    of: (*entity).to_owned(),
                    detail: format!(
                        "{reader} copies {entity}, and {owner} does not share it: add \
                         `shares(..)` to the `#[service]` of {owner}"
                    ),
                });
                continue;
            };
            if let Some(request) = request.filter(|request| !share.requests.contains(request)) {
                problems.push(Problem {
                    rule: &catalogue::COPY_HEARD,
                    service: reader.to_owned(),
                    of: (*entity).to_owned(),
                    detail: format!(
                        "{reader} asks for {entity} with {request}, on which {owner} does nothing, so its copy \
                         would stay empty: add it to the entity's `requests(..)` in {owner}, and release {owner} first"
                    ),
                });
            }
        }
    }
}

/// What feeds one copy of an entity feeds all, in whichever version each copy reads the event.
pub(super) fn check_feeds(system: &System, problems: &mut Vec<Problem>) {
    let copies = || {
        let parts = system.parts.iter();
        parts.flat_map(|part| part.copies.iter().map(move |copy| (part.service, copy)))
    };
    for (reader, copy) in copies() {
        let CopyPart { entity, owner, fed_by, .. } = copy;
        let of_entity =
            copies().filter(|(_, other)| (&other.entity, &other.owner) == (entity, owner));
        let events =
            of_entity.flat_map(|(by, other)| other.fed_by.iter().map(move |event| (event, by)));
        let events = events.filter(|(event, _)| event.service() == *owner);
        let feeds: BTreeMap<&str, _> = events.map(|one| (one.0.event(), one)).collect();
        for (name, (event, by)) in feeds {
            if fed_by.iter().any(|own| own.event() == name) {
                continue;
            }
            problems.push(Problem {
                rule: &catalogue::COPY_WHOLE,
                service: reader.to_owned(),
                of: (*entity).to_owned(),
                detail: format!(
                    "{event} feeds the copy of {entity} in {by}, and not that in {reader}: add it to `fed_by(..)` there"
                ),
            });
        }
    }
}
