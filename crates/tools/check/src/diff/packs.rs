//! Packs that meet a consumer, old or new, that does not take them.

use std::collections::BTreeSet;

use ballet_core::EventType;

use crate::diff::change::ContractChange;
use crate::diff::promise::Promises;

pub(super) fn changes(old: &Promises, new: &Promises) -> Vec<ContractChange> {
    let events: BTreeSet<EventType> = old.events().union(&new.events()).copied().collect();
    let consumers: BTreeSet<&str> = old.names().union(&new.names()).copied().collect();
    let unread_by =
        |event| consumers.iter().filter_map(move |consumer| unread(old, new, event, consumer));
    events.into_iter().flat_map(unread_by).collect()
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
    ContractChange::new(event.name(), "packs", service, what).breaking(breaks, advice)
}
