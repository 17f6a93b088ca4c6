//! Telemetry without a publisher, with another number of streams, or with a reader that moves to another type.

use ballet_core::{Part, ReaderPart};

use crate::contracts::bodies::BodyType;
use crate::diff::bodies::next_major;
use crate::diff::change::ContractChange;
use crate::diff::events::{named, not_published};
use crate::diff::promise::Promises;

pub(super) fn changes(old: &Promises, new: &Promises) -> Vec<ContractChange> {
    let mut found = Vec::new();
    for name in old.telemetry() {
        found.extend(not_published(old, new, BodyType::Telemetry(name)));
        found.extend(partitions(old, new, name));
    }
    for service in old.names() {
        if let (Some(before), Some(after)) = (old.service(service), new.service(service)) {
            moved_on(service, &before.part, &after.part, &mut found);
        }
    }
    found
}

/// Keys move to other streams and lose their order. A removed stream loses its unread messages.
fn partitions(old: &Promises, new: &Promises, name: &str) -> Option<ContractChange> {
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
    let service = changed.first()?;
    let (was, is) = (of(old, service)?, of(new, service)?);
    let [before, after] = [old, new].map(|all| all.read_by(BodyType::Telemetry(name)));
    let breaks = named(before.union(&after).copied().collect());
    if breaks.is_empty() {
        return None;
    }
    let what = format!("it was spread over {was} streams, and is over {is}");
    let (next, version) = next_major(name);
    let advice = format!("publish {next} with {is} until no contract names {version}");
    let change = ContractChange::new(name, "partitions", *service, what);
    Some(change.breaking(breaks, advice))
}

/// A reader's place belongs to its name and a type. A reader that moves to another type leaves the rest of the old one
/// unread. A reader of another name does not take over: it continues at its own place, or counts everything again.
fn moved_on(service: &'static str, before: &Part, after: &Part, found: &mut Vec<ContractChange>) {
    let has_place = |reader: &&ReaderPart| !reader.in_memory;
    for was in before.readers.iter().filter(has_place) {
        let (name, old) = (was.name, was.reads.name());
        let Some(is) = after.readers.iter().find(|one| one.name == name) else { continue };
        let new = is.reads.name();
        if new == old {
            continue;
        }
        let (subject, what) = (
            format!("{service}.{name}"),
            format!("it reads {new}, and leaves in {old} what it has not read yet"),
        );
        let advice = format!(
            "read {new} with a reader of another name, and keep {name} until `ballet telemetry list` shows \
             that it has read all of {old}"
        );
        let change = ContractChange::new(subject, "reader", service, what);
        found.push(change.breaking(vec![service.to_owned()], advice));
    }
}
