//! Counts how often each outcome that a choreography declares was seen, and when last. There is no I/O here: the caller
//! reads the journal, and the services' databases for what was tried again.

use std::collections::HashMap;
use std::fmt;

use ballet_core::{StepPart, System};
use ballet_stream::Record;
use jiff::Timestamp;

use crate::sagas::ServiceRetries;

/// The number of times that something was seen, and the last time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SightingCount {
    /// The number of times.
    pub count: u64,
    /// The last time, according to the journal.
    pub last: Option<Timestamp>,
}

/// All sightings in a window.
#[derive(Debug, Clone, Default)]
pub struct Sightings {
    published: HashMap<String, SightingCount>,
    /// By service and step. `None` if nobody has looked.
    retried: Option<HashMap<(String, String), SightingCount>>,
}

impl Sightings {
    /// Adds sightings of an event.
    pub fn add(&mut self, event_type: &str, seen: SightingCount) {
        let all = self.published.entry(event_type.to_owned()).or_default();
        all.count += seen.count;
        all.last = all.last.max(seen.last);
    }

    /// Adds the sighting of an entry of the journal, if it is an event.
    pub fn add_record(&mut self, record: &Record) {
        if !record.is_dead_letter() {
            self.add(record.event_type(), SightingCount { count: 1, last: record.time });
        }
    }

    /// Adds what was tried again in the services, as [`retries`](crate::sagas::retries) has it.
    pub fn add_retries(&mut self, retries: Vec<ServiceRetries>) {
        let all = self.retried.get_or_insert_default();
        for (service, of_service) in retries {
            for (step, count, last) in of_service {
                let count = u64::try_from(count).unwrap_or_default();
                all.insert((service.clone(), step), SightingCount { count, last: Some(last) });
            }
        }
    }

    fn published(&self, event: &str) -> SightingCount {
        self.published.get(event).copied().unwrap_or_default()
    }

    /// Returns the retries of a step, if somebody has looked.
    fn retried(&self, service: &str, step: &StepPart) -> Option<SightingCount> {
        let all = self.retried.as_ref()?;
        Some(all.get(&(service.to_owned(), step.name.to_owned())).copied().unwrap_or_default())
    }
}

/// The kind of an outcome that a choreography declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutcomeKind {
    /// A step is done.
    Step,
    /// A step refuses.
    Refusal,
    /// A step is compensated, and says so.
    Compensation,
    /// A saga is aborted by its owner.
    Abort,
    /// A saga's deadline passes.
    Deadline,
    /// A step is tried again. It needs a failure, so it does not count.
    Retry,
}

impl OutcomeKind {
    /// Returns the kind as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Refusal => "refusal",
            Self::Compensation => "compensation",
            Self::Abort => "abort",
            Self::Deadline => "deadline",
            Self::Retry => "retry",
        }
    }

    /// Whether it counts in the percentage.
    #[must_use]
    pub const fn counts(self) -> bool {
        !matches!(self, Self::Retry)
    }
}

impl fmt::Display for OutcomeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A declared outcome, with its sightings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveragePoint {
    /// The kind of the outcome.
    pub declared: OutcomeKind,
    /// The saga.
    pub saga: &'static str,
    /// The service.
    pub service: &'static str,
    /// The step. An abort and a deadline have none: they are the saga's.
    pub step: Option<&'static str>,
    /// The event that shows it. A retry has none.
    pub event: Option<&'static str>,
    /// Its sightings.
    pub seen: SightingCount,
}

impl CoveragePoint {
    /// Returns the step, or else the saga, with the service, in words.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{} of {}", self.step.unwrap_or(self.saga), self.service)
    }
}

/// The coverage of a choreography by the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// All declared outcomes. Those that were never seen come first.
    pub points: Vec<CoveragePoint>,
}

impl Coverage {
    /// Compares the sightings with the declared outcomes. Two steps of one service that publish the same event cannot
    /// be told apart. A compensation that publishes nothing is left out.
    #[must_use]
    pub fn of(system: &System, sightings: &Sightings) -> Self {
        let mut points = Vec::new();
        for part in &system.parts {
            let service = part.service;
            for saga in &part.sagas {
                let point =
                    |declared, step, event: Option<&ballet_core::EventType>, seen| CoveragePoint {
                        declared,
                        saga: saga.saga,
                        service,
                        step,
                        event: event.map(ballet_core::EventType::name),
                        seen,
                    };
                let mut add = |declared, step, event: &ballet_core::EventType| {
                    let seen = sightings.published(event.name());
                    points.push(point(declared, step, Some(event), seen));
                };
                for step in &saga.steps {
                    add(OutcomeKind::Step, Some(step.name), &step.done);
                    step.refused
                        .iter()
                        .for_each(|event| add(OutcomeKind::Refusal, Some(step.name), event));
                    let undone = step.compensated.iter();
                    undone.for_each(|event| add(OutcomeKind::Compensation, Some(step.name), event));
                }
                let is_owner = saga.owner == service;
                saga.abort
                    .iter()
                    .filter(|_| is_owner)
                    .for_each(|event| add(OutcomeKind::Abort, None, event));
                saga.deadline
                    .iter()
                    .for_each(|deadline| add(OutcomeKind::Deadline, None, &deadline.passed));
                for step in saga.steps.iter().filter(|step| !step.on.is_empty()) {
                    let seen = sightings.retried(service, step);
                    let retry = |seen| point(OutcomeKind::Retry, Some(step.name), None, seen);
                    points.extend(seen.map(retry));
                }
            }
        }
        points
            .sort_by_key(|point| (point.seen.count > 0, !point.declared.counts(), point.declared));
        Self { points }
    }

    /// Returns the number of outcomes that count and were seen, and the number of all that count.
    #[must_use]
    pub fn counted(&self) -> (usize, usize) {
        let counted = || self.points.iter().filter(|point| point.declared.counts());
        (counted().filter(|point| point.seen.count > 0).count(), counted().count())
    }

    /// Returns the percentage, rounded down: it is 100 only if nothing is missing.
    #[must_use]
    pub fn percent(&self) -> usize {
        let (seen, all) = self.counted();
        (seen * 100).checked_div(all).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use ballet_core::{DeadlinePart, EventType, Part, SagaPart, StepKind};
    use jiff::SignedDuration;

    use super::*;

    const ORDERED: EventType = EventType::in_saga("a.ordered.v1");
    const LATE: EventType = EventType::in_saga("a.late.v1");
    const CANCELLED: EventType = EventType::in_saga("a.cancelled.v1");
    const BOOKED: EventType = EventType::in_saga("b.booked.v1");
    const FULL: EventType = EventType::in_saga("b.full.v1");
    const FREED: EventType = EventType::in_saga("b.freed.v1");

    fn system() -> System {
        let part = |service, steps, deadline| Part {
            service,
            sagas: vec![SagaPart {
                abort: Some(CANCELLED),
                deadline,
                ..SagaPart::new("trip", "a", steps)
            }],
            ..Part::default()
        };
        let order = StepPart::new("order", StepKind::Origin, Vec::new(), ORDERED);
        let book = StepPart {
            refused: Some(FULL),
            compensated: Some(FREED),
            ..StepPart::new("book", StepKind::Compensatable, vec![ORDERED], BOOKED)
        };
        let deadline = DeadlinePart { passed: LATE, after: SignedDuration::from_mins(1) };
        let parts = vec![part("a", vec![order], Some(deadline)), part("b", vec![book], None)];
        System { name: "trips", parts }
    }

    #[test]
    fn what_has_never_run_comes_first_and_a_retry_does_not_count() {
        let mut seen = Sightings::default();
        let at =
            |second: i64| SightingCount { count: 2, last: Timestamp::from_second(second).ok() };
        seen.add(ORDERED.name(), at(9));
        seen.add(ORDERED.name(), at(7));
        seen.add(BOOKED.name(), at(8));
        seen.add(LATE.name(), at(8));
        let unknown = Coverage::of(&system(), &seen);
        assert!(unknown.points.iter().all(|point| point.declared.counts()), "nobody has looked");
        let last = Timestamp::from_second(5).expect("a time");
        let again = |step: &str| (step.to_owned(), 2, last);
        let of_a = ("a".to_owned(), vec![again("book")]);
        seen.add_retries(vec![of_a, ("b".to_owned(), vec![again("book"), again("abort")])]);
        let coverage = Coverage::of(&system(), &seen);
        let found: Vec<(&str, String, u64)> = coverage
            .points
            .iter()
            .map(|point| (point.declared.as_str(), point.place(), point.seen.count))
            .collect();
        let expected = [
            ("refusal", "book of b", 0),
            ("compensation", "book of b", 0),
            ("abort", "trip of a", 0),
            ("step", "order of a", 4),
            ("step", "book of b", 2),
            ("deadline", "trip of a", 2),
            ("retry", "book of b", 2),
        ];
        assert_eq!(found, expected.map(|(what, place, count)| (what, place.to_owned(), count)));
        assert_eq!((coverage.counted(), coverage.percent()), ((3, 6), 50));
        assert_eq!(coverage.points[3].seen.last, Timestamp::from_second(9).ok());
        let none = System { name: "none", parts: Vec::new() };
        assert_eq!(Coverage::of(&none, &seen).percent(), 100);
    }
}
