//! Bodies that no longer fit their readers.

use std::collections::{BTreeMap, BTreeSet};

use ballet_core::EventType;
use serde_json::Value;

use crate::contracts::bodies::BodyType;
use crate::diff::change::ContractChange;
use crate::diff::promise::Promises;
use crate::takes::{Doubt, Mismatch, MismatchKind, mismatches};

/// Publisher, reader, event or telemetry, and mismatch.
type MismatchKey = (String, String, &'static str, Mismatch);

/// The releases that meet: the publisher's and the reader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ReleasePair {
    OldReader,
    OldPublisher,
    BothNew,
    /// The new reader meets rows that the old one wrote to its copy.
    OldCopy,
}

pub(super) fn changes(old: &Promises, new: &Promises) -> Vec<ContractChange> {
    let both: BTreeSet<&str> = old.names().union(&new.names()).copied().collect();
    let mut found = BodyMismatches::default();
    // A stream keeps messages of older releases, and readers are rewound, so all pairs meet.
    for what in old.bodies().chain(new.bodies()).collect::<BTreeSet<_>>() {
        let name = what.name();
        let reads = |reader| [old, new].map(|all| all.service(reader)?.reads(what));
        for publisher in &both {
            let writes = [old, new].map(|all| all.service(publisher)?.writes(what));
            for reader in &both {
                found.pairs((publisher, reader, name), writes, reads(reader));
            }
        }
        for reader in &both {
            let keeps = old.service(reader).and_then(|promise| promise.keeps(what));
            found.copy((reader, name), keeps, reads(reader)[1]);
        }
        if let BodyType::Event(event) = what {
            compare_foreign(old, new, event, &mut found);
        }
    }
    found.0.into_iter().map(|(key, meetings)| change(key, &meetings)).collect()
}

/// No release of ours changes outside producers, so they keep the old contract.
fn compare_foreign(old: &Promises, new: &Promises, event: EventType, found: &mut BodyMismatches) {
    let (declared, what) = (old.declared(event), BodyType::Event(event));
    for producer in declared.map_or(&[][..], |event| event.foreign_producers()) {
        let writes = [old.body(event), None];
        let told = [old.body(event), new.body(event)];
        found.pairs((producer, event.service(), event.name()), writes, told);
        for reader in new.services() {
            let service = reader.part.service;
            let before = old.service(service).and_then(|promise| promise.reads(what));
            found.pairs((producer, service, event.name()), writes, [before, reader.reads(what)]);
        }
    }
}

#[derive(Default)]
struct BodyMismatches(BTreeMap<MismatchKey, BTreeSet<ReleasePair>>);

impl BodyMismatches {
    /// The old and the new of both.
    fn pairs(
        &mut self,
        (publisher, reader, name): (&str, &str, &'static str),
        writes: [Option<&Value>; 2],
        reads: [Option<&Value>; 2],
    ) {
        let compared = |writes: Option<&Value>, reads: Option<&Value>| match (writes, reads) {
            (Some(writes), Some(reads)) => mismatches(reads, writes, Doubt::Against),
            _ => Vec::new(),
        };
        let before = compared(writes[0], reads[0]);
        for (meeting, found) in [
            (ReleasePair::OldReader, compared(writes[1], reads[0])),
            (ReleasePair::OldPublisher, compared(writes[0], reads[1])),
            (ReleasePair::BothNew, compared(writes[1], reads[1])),
        ] {
            for one in found.into_iter().filter(|one| !before.contains(one)) {
                let key = (publisher.to_owned(), reader.to_owned(), name, one);
                self.0.entry(key).or_default().insert(meeting);
            }
        }
    }

    /// The fields that the old reader names have the publisher's values, which are compared elsewhere.
    fn copy(
        &mut self,
        (reader, name): (&str, &'static str),
        keeps: Option<&Value>,
        reads: Option<&Value>,
    ) {
        let (Some(keeps), Some(reads)) = (keeps, reads) else { return };
        let found = mismatches(reads, keeps, Doubt::Against).into_iter();
        for one in found.filter(|one| one.kind == MismatchKind::FieldMissing) {
            let key = (reader.to_owned(), reader.to_owned(), name, one);
            self.0.entry(key).or_default().insert(ReleasePair::OldCopy);
        }
    }
}

fn change(
    (publisher, reader, name, one): MismatchKey,
    meetings: &BTreeSet<ReleasePair>,
) -> ContractChange {
    let meets = |meeting| meetings.contains(&meeting);
    let own = name.split('.').next().unwrap_or_default();
    let is_foreign = own != publisher;
    let is_copied = meets(ReleasePair::OldCopy);
    let (service, advice) = if is_copied {
        let advice = format!(
            "make it optional in {reader} first; then, when no process of the release before runs, \
             `ballet copies rebuild --service {reader}`; then require it"
        );
        (reader.clone(), advice)
    } else if publisher == reader {
        let advice = format!(
            "{reader} reads it from its ledger and its queue, where the other release wrote it: keep \
             both forms readable, or give it the next major version"
        );
        (publisher.clone(), advice)
    } else if is_foreign {
        let advice =
            format!("{publisher} is not released with the system: keep it readable as it was");
        (reader.clone(), advice)
    } else if meets(ReleasePair::OldReader) && meets(ReleasePair::BothNew) {
        let (next, version) = next_major(name);
        let advice =
            format!("keep it, or publish {next} beside it until no contract names {version}");
        (publisher.clone(), advice)
    } else if meets(ReleasePair::OldReader) {
        let advice = format!(
            "release {reader} first, in a change of its own: while {publisher} rolls out, the {reader} \
             of today reads what the new {publisher} writes"
        );
        (publisher.clone(), advice)
    } else if meets(ReleasePair::BothNew) {
        (reader.clone(), format!("make it optional in {reader}, or let {publisher} write it first"))
    } else {
        let advice = format!(
            "release {publisher} first, in a change of its own, and {reader} when no older message \
             waits"
        );
        (reader.clone(), advice)
    };
    let whose = match is_copied {
        true => format!("in the rows of {reader}'s copy"),
        false => format!("in what {publisher} writes"),
    };
    ContractChange {
        subject: name.to_owned(),
        field: one.path,
        rule: one.kind.rule(),
        what: format!("{whose}, {}", one.text),
        breaks: vec![if is_foreign { publisher } else { reader }],
        service,
        advice,
    }
}

/// Returns the name of the next major version, and the last part of this one: `v1`.
pub(super) fn next_major(name: &str) -> (String, &str) {
    let (stem, version) = name.rsplit_once('.').unwrap_or((name, ""));
    let major: u32 = version.get(1..).and_then(|major| major.parse().ok()).unwrap_or_default();
    (format!("{stem}.v{}", major + 1), version)
}
