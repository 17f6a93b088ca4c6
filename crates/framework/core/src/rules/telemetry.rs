//! The rules for telemetry: each reader has its own name, and somebody publishes what it reads.

use std::collections::BTreeSet;

use crate::parts::part::{Part, System};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

pub(super) fn check(part: &Part, problems: &mut Vec<Problem>) {
    let service = part.service;
    let mut names = BTreeSet::new();
    for reader in part.readers.iter().filter(|reader| !names.insert(reader.name)) {
        problems.push(Problem {
            rule: &catalogue::READER_NAME,
            service: service.to_owned(),
            of: reader.name.to_owned(),
            detail: format!(
                "{service} has two readers called {}, and they would share one offset: name each after what it \
                 keeps",
                reader.name
            ),
        });
    }
}

pub(super) fn check_publishers(system: &System, problems: &mut Vec<Problem>) {
    let published = || system.parts.iter().flat_map(|part| &part.telemetry);
    for part in &system.parts {
        for reader in &part.readers {
            let (service, name, reads) = (part.service, reader.name, reader.reads);
            match published().find(|one| one.name() == reads.name()) {
                None => problems.push(Problem {
                    rule: &catalogue::TELEMETRY_PUBLISHED,
                    service: service.to_owned(),
                    of: name.to_owned(),
                    detail: format!(
                        "{service}.{name} reads {reads}, and no service publishes it: declare it in {} with \
                         `publishes_telemetry(..)`",
                        reads.service()
                    ),
                }),
                Some(one) if one.partition_count() != reads.partition_count() => {
                    problems.push(Problem {
                        rule: &catalogue::TELEMETRY_STREAMS,
                        service: service.to_owned(),
                        of: name.to_owned(),
                        detail: format!(
                            "{service}.{name} reads {} partitions of {reads}, and its publisher has {}: a key's \
                             order is lost when their number changes, so a new number is a new major version",
                            reads.partition_count(),
                            one.partition_count()
                        ),
                    });
                }
                Some(_) => {}
            }
        }
    }
}
