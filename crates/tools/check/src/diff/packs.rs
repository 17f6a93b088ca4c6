//! Packs that meet a consumer, old or new, that does not take them.

use std::collections::BTreeSet;

use ballet_core::EventType;

use crate::diff::bodies::broken;
use crate::diff::change::{ChangeRule, ContractChange};
use crate::diff::promise::Promises;

pub(super) fn changes(old: &Promises, new: &Promises, alone: bool) -> Vec<ContractChange> {
    let events: BTreeSet<EventType> = old.events().union(&new.events()).copied().collect();
    let consumers: BTreeSet<&str> = old.names().union(&new.names()).copied().collect();
    let mut found = Vec::new();
    for event in events {
        if alone && !packs(old, event) && packs(new, event) {
            let advice = "see that the contract of each consumer says `takes_packs`";
            found.push(change(
                event,
                event.service(),
                PACKED,
                broken(BTreeSet::new(), alone),
                advice,
            ));
        }
        for consumer in &consumers {
            found.extend(unread(old, new, event, consumer));
        }
    }
    for consumer in consumers.into_iter().filter(|_| alone) {
        let takes = |all: &Promises| all.service(consumer).map(|one| one.part.takes_packs);
        if (takes(old), takes(new)) == (Some(true), Some(false)) {
            let what = "it takes packs no more";
            let advice = "see that no event that it consumes is packed";
            let change = ContractChange::new(consumer, ChangeRule::Packs, consumer, what);
            found.push(change.breaking(broken(BTreeSet::new(), alone), advice));
        }
    }
    found
}

const PACKED: &str = "events of one commit leave as one message, a pack";

fn unread(
    old: &Promises,
    new: &Promises,
    event: EventType,
    consumer: &str,
) -> Option<ContractChange> {
    let refuses = |all: &Promises| {
        let part = all.service(consumer).map(|one| &one.part);
        part.is_some_and(|part| !part.takes_packs && part.consumes().contains(&event))
    };
    // An earlier mismatch is no change.
    if packs(old, event) && refuses(old) {
        return None;
    }
    let owner = event.service();
    let breaks = vec![consumer.to_owned()];
    if packs(new, event) && refuses(old) && !refuses(new) {
        let advice = format!(
            "release {consumer} first, in a change of its own: while {owner} rolls out, the {consumer} of \
             today gets its packs"
        );
        return Some(change(event, owner, PACKED, breaks, &advice));
    }
    if packs(new, event) && (refuses(old) || refuses(new)) {
        let advice =
            format!("let {consumer} take packs, and release that before {owner} packs {event}");
        return Some(change(event, owner, PACKED, breaks, &advice));
    }
    if packs(old, event) && refuses(new) {
        let what = format!("{consumer} takes no packs, and {owner} still sends them");
        let advice = format!(
            "release {owner} first, in a change of its own, and {consumer} when no pack waits in its queue"
        );
        return Some(change(event, consumer, &what, breaks, &advice));
    }
    None
}

fn packs(all: &Promises, event: EventType) -> bool {
    let owner = all.service(event.service());
    owner.and_then(|owner| owner.event(event)).is_some_and(|event| event.is_packed())
}

fn change(
    event: EventType,
    service: &str,
    what: &str,
    breaks: Vec<String>,
    advice: &str,
) -> ContractChange {
    ContractChange::new(event.name(), ChangeRule::Packs, service, what).breaking(breaks, advice)
}
