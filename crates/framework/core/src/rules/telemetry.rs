//! The rules for telemetry: whose it is, and that somebody publishes what is read.

use std::collections::BTreeSet;

use crate::parts::part::{Part, System};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

pub(super) fn check(part: &Part, problems: &mut Vec<Problem>) {
    let service = part.service;
    for one in part.telemetry.iter().filter(|one| one.service() != service) {
        problems.push(Problem {
            rule: &catalogue::TELEMETRY_OWNER,
            service: service.to_owned(),
            of: one.name().to_owned(),
            detail: format!(
                "{service} publishes {one}, and the broker would refuse it: give it a name that begins with \
                 {service}"
            ),
        });
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::telemetry::TelemetryType;
    use crate::parts::part::ReaderPart;
    use crate::rules::{of_service, of_system};

    const BEAT: TelemetryType = TelemetryType::new("playback.heartbeat.v1").partitions(2);

    fn rules(problems: &[Problem]) -> Vec<&'static str> {
        problems.iter().map(|problem| problem.rule.says).collect()
    }

    #[test]
    fn a_reader_of_what_nobody_publishes_is_named() {
        let reader = ReaderPart { name: "minutes", reads: BEAT, in_memory: false };
        let analytics = Part { service: "analytics", readers: vec![reader], ..Part::default() };
        let alone = System { name: "streaming", parts: vec![analytics.clone()] };
        assert_eq!(rules(&of_system(&alone)), ["telemetry that is read is published"]);
        let playback =
            |beat| Part { service: "playback", telemetry: vec![beat], ..Part::default() };
        let parts = vec![analytics.clone(), playback(BEAT)];
        assert_eq!(of_system(&System { name: "streaming", parts }), []);
        let parts = vec![analytics, playback(BEAT.partitions(3))];
        let problems = of_system(&System { name: "streaming", parts });
        assert_eq!(rules(&problems), ["reader and publisher of telemetry mean the same streams"]);
    }

    #[test]
    fn telemetry_of_another_and_two_readers_with_one_name_are_refused() {
        let reader = ReaderPart { name: "minutes", reads: BEAT, in_memory: false };
        let readers = vec![reader.clone(), reader];
        let part = Part { service: "accounts", telemetry: vec![BEAT], readers, ..Part::default() };
        assert_eq!(
            rules(&of_service(&part)),
            [
                "telemetry belongs to the service that it is named after",
                "each reader of telemetry has its own name"
            ]
        );
    }
}
