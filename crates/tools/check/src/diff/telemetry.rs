//! Telemetry that nobody publishes any more, that has another number of streams, or whose reader moves to another
//! type.

use std::collections::BTreeSet;

use ballet_core::{Part, ReaderPart};

use crate::contracts::Contracts;
use crate::contracts::bodies::BodyType;
use crate::diff::bodies::{ANYBODY, next_major};
use crate::diff::change::{ChangeRule, ContractChange};
use crate::diff::promise::Promises;

pub(super) fn changes(old: &Contracts, new: &Contracts, alone: bool) -> Vec<ContractChange> {
    let (old, new) = (Promises::of(old), Promises::of(new));
    let mut found = Vec::new();
    for name in old.telemetry() {
        not_published(&old, &new, name, alone, &mut found);
        partitions(&old, &new, name, alone, &mut found);
    }
    for service in old.names() {
        if let (Some(before), Some(after)) = (old.service(service), new.service(service)) {
            moved_on(service, &before.part, &after.part, &mut found);
        }
    }
    found
}

/// Telemetry is gone while a service reads it.
fn not_published(
    old: &Promises,
    new: &Promises,
    name: &str,
    alone: bool,
    found: &mut Vec<ContractChange>,
) {
    let is_published = |all: &Promises| all.is_published(BodyType::Telemetry(name));
    let breaks = broken_readers(new.read_by(name), alone);
    if is_published(old) && !is_published(new) && !breaks.is_empty() {
        found.push(change(
            name,
            ChangeRule::NotPublished,
            "nobody publishes it any more".to_owned(),
            format!("publish it until no contract names it: {} reads it", breaks.join(" and ")),
            breaks,
        ));
    }
}

/// Keys move to other streams, so their order is lost. A stream that is gone loses its unread messages.
fn partitions(
    old: &Promises,
    new: &Promises,
    name: &str,
    alone: bool,
    found: &mut Vec<ContractChange>,
) {
    let of = |all: &Promises, service: &str| {
        let mut declared = all.service(service)?.telemetry();
        declared.find(|one| one.name() == name).map(|one| one.partition_count())
    };
    let names = new.names();
    let changed = |service: &&&'static str| match (of(old, service), of(new, service)) {
        (Some(was), Some(is)) => was != is,
        _ => false,
    };
    // The publisher's own declaration decides.
    let mut changed: Vec<_> = names.iter().filter(changed).copied().collect();
    changed.sort_by_key(|service| !name.starts_with(&format!("{service}.")));
    let Some(service) = changed.first() else { return };
    let (Some(was), Some(is)) = (of(old, service), of(new, service)) else { return };
    let readers = old.read_by(name).union(&new.read_by(name)).copied().collect();
    let breaks = broken_readers(readers, alone);
    if breaks.is_empty() {
        return;
    }
    let what = format!("it was spread over {was} streams, and is over {is}");
    let (next, version) = next_major(name);
    let advice = format!("publish {next} with {is} until no contract names {version}");
    found.push(ContractChange {
        service: (*service).to_owned(),
        ..change(name, ChangeRule::Partitions, what, advice, breaks)
    });
}

/// A reader's place belongs to its name and a type. A reader that moves to another type leaves the rest of the old
/// one unread. No reader of another name takes over: it continues at its own place, or begins anew and counts
/// everything again.
fn moved_on(service: &'static str, before: &Part, after: &Part, found: &mut Vec<ContractChange>) {
    let has_place = |reader: &&ReaderPart| !reader.in_memory;
    for was in before.readers.iter().filter(has_place) {
        let (name, old) = (was.name, was.reads.name());
        let Some(is) = after.readers.iter().find(|one| one.name == name) else { continue };
        let new = is.reads.name();
        if new == old {
            continue;
        }
        found.push(ContractChange {
            service: service.to_owned(),
            ..change(
                &format!("{service}.{name}"),
                ChangeRule::Reader,
                format!("it reads {new}, and leaves in {old} what it has not read yet"),
                format!(
                    "read {new} with a reader of another name, and keep {name} until `ballet telemetry \
                     list` shows that it has read all of {old}"
                ),
                vec![service.to_owned()],
            )
        });
    }
}

/// Returns who breaks: the readers or, if one contract is compared alone and names none, [`ANYBODY`].
fn broken_readers(readers: BTreeSet<&'static str>, alone: bool) -> Vec<String> {
    let readers: Vec<String> = readers.into_iter().map(str::to_owned).collect();
    if alone && readers.is_empty() { vec![ANYBODY.to_owned()] } else { readers }
}

fn change(
    name: &str,
    rule: ChangeRule,
    what: String,
    advice: String,
    breaks: Vec<String>,
) -> ContractChange {
    ContractChange {
        subject: name.to_owned(),
        field: String::new(),
        rule,
        service: name.split('.').next().unwrap_or_default().to_owned(),
        what,
        advice,
        breaks,
    }
}
