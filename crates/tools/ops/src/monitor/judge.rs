//! The state over all sagas: bounded, and forgetful by age.

use std::collections::BTreeMap;

use ballet_core::{Role, System};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::monitor::entry::{EntryKind, WatchedEntry};
use crate::monitor::findings::{Findings, Tally};
use crate::monitor::property::{Property, Violation};
use crate::monitor::saga_log::{Kept, Quiet, SagaLog};
use crate::monitor::sagas::Sagas;
use crate::monitor::services::Services;
use crate::monitor::types::{Kind, Types};

/// The maximum number of entries of a saga.
const MOST_ENTRIES: usize = 500;
/// A saga is judged again after this many milliseconds at least: with none, for ever in one call.
const LEAST_PATIENCE: i64 = 1_000;
/// The time within which a copy of a message comes, in milliseconds.
const CLOCKS: i64 = 60_000;

/// Judges sagas by the journal's entries in their order.
#[derive(Debug)]
pub struct Monitor {
    types: Types,
    patience: i64,
    sagas: Sagas,
    /// The time of the newest entry, or the present once all has been read.
    clock: i64,
    services: Services,
    counts: Vec<u64>,
    undeclared: BTreeMap<(Kind, Kind), u64>,
    findings: Findings,
}

impl Monitor {
    pub(super) fn new(system: &System, patience: SignedDuration) -> Self {
        let types = Types::new(system);
        Self {
            patience: i64::try_from(patience.as_millis()).unwrap_or(i64::MAX).max(LEAST_PATIENCE),
            sagas: Sagas::new(),
            clock: i64::MIN,
            services: Services::new(types.service_count()),
            counts: vec![0; types.len()],
            undeclared: BTreeMap::new(),
            findings: Findings::default(),
            types,
        }
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self, entry: &WatchedEntry<'_>) {
        self.findings.tally.entries += 1;
        let at = entry.at.as_millisecond();
        if self.clock == i64::MIN {
            self.begin(at);
            if entry.offset == 0 {
                // Nothing was before.
                self.sagas.begin(i64::MIN);
            }
        }
        self.clock = self.clock.max(at);
        let kind = self.types.kind(entry.event_type);
        let service = entry.service.and_then(|service| self.types.service(service));
        match (entry.kind, service) {
            (EntryKind::Event, _) => self.event(entry, kind, at),
            (EntryKind::OfDeadLetter, Some(service)) => {
                let log = entry.saga.and_then(|saga| self.sagas.get_mut(saga));
                if let Some(log) = log.filter(|log| !log.excused.contains(&service)) {
                    log.excused.push(service);
                }
            }
            (EntryKind::Searched, Some(service)) => self.services.is_restored(service, self.clock),
            (EntryKind::OfDeadLetter | EntryKind::Searched, None) => {}
        }
        self.judge_due(false);
    }

    /// Says that all entries up to this time have been read: what is absent is missing.
    pub fn has_read_all(&mut self, now: Timestamp) {
        if self.clock == i64::MIN {
            return;
        }
        self.clock = self.clock.max(now.as_millisecond());
        self.sagas.suspects_are_due();
        self.judge_due(true);
    }

    /// Whether something may be missing at this time.
    pub(super) fn may_lack(&self, now: Timestamp) -> bool {
        let now = now.as_millisecond();
        self.sagas.has_suspects() || self.sagas.is_due(now)
    }

    /// Says that entries are missing before the next one: what is known is not judged by what it lacks.
    pub(super) fn gap(&mut self) {
        self.sagas.gap();
        if self.clock != i64::MIN {
            self.begin(self.clock);
        }
    }

    /// Takes the violations that were found since the last call.
    pub fn found(&mut self) -> Vec<Violation> {
        self.findings.take()
    }

    /// Returns what was read.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.findings.tally
    }

    /// Returns the number of events of this type.
    #[must_use]
    pub fn count(&self, event_type: &str) -> u64 {
        let count = self.counts.get(usize::from(self.types.kind(event_type)));
        count.copied().unwrap_or_default()
    }

    /// Returns the paths that no contract declares: a cause, an event, and how often.
    #[must_use]
    pub fn undeclared_paths(&self) -> Vec<(&'static str, &'static str, u64)> {
        let name = |((cause, event), count): (&(Kind, Kind), &u64)| {
            (self.types.name(*cause), self.types.name(*event), *count)
        };
        self.undeclared.iter().map(name).collect()
    }

    fn begin(&mut self, at: i64) {
        // A copy of a message that began a saga before may come.
        self.sagas.begin(at.saturating_add(CLOCKS));
    }

    fn event(&mut self, entry: &WatchedEntry<'_>, kind: Kind, at: i64) {
        let Some(facts) = self.types.facts(kind) else { return };
        let (event, begins) = (facts.event, facts.begins);
        if let Some(by) = entry.service.filter(|by| !event.may_be_published_by(by)) {
            // No service takes it, so it is not part of its saga.
            let says = format!("{by} publishes it, and {} owns it", event.service());
            self.findings.name(violation(Property::Publisher, entry, says));
            return;
        }
        let Some(saga) = entry.saga.filter(|_| event.role() != Role::Plain) else {
            self.counts[usize::from(kind)] += 1;
            return;
        };
        let new = Kept { kind, id: entry.message_id, cause: entry.cause, at, offset: entry.offset };
        let due = self.clock.saturating_add(self.patience);
        let log = self.sagas.of(saga, begins, at, due);
        if log.of_id(new.id).is_some() {
            return;
        }
        log.last = self.clock;
        if log.entries.len() >= MOST_ENTRIES {
            if log.is_whole {
                log.is_whole = false;
                self.findings.tally.too_long += 1;
            }
            return;
        }
        let cause = new.cause.and_then(|cause| log.of_id(cause)).copied();
        let service = self.types.service_of(kind);
        let may_repeat = self.services.may_repeat(service, log.began);
        let broken = log.broken_by(&self.types, &new).filter(|_| !may_repeat);
        log.entries.push(new);
        self.sagas.has_added();
        self.counts[usize::from(kind)] += 1;
        if let Some((property, kept, says)) = broken {
            self.name_of_saga(saga, property, kept, says);
        }
        if let (Some(service), Some(cause)) = (service, cause) {
            self.services.has_handled(service, cause.at);
        }
        if let Some(cause) = cause {
            self.judge_cause(saga, new, cause.kind);
        }
        let Self { types, services, patience, sagas, findings, .. } = self;
        let is_over = |log: &SagaLog| {
            let (broken, quiet) = log.broken_by_absence(types, services, *patience);
            broken.is_empty() && quiet == Quiet::Judged && log.has_ended(types)
        };
        if sagas.make_room(is_over) {
            findings.tally.forgotten += 1;
        }
    }

    /// Judges whether a contract declares the cause.
    fn judge_cause(&mut self, saga: Uuid, new: Kept, cause: Kind) {
        let allowed = self.types.facts(new.kind).and_then(|facts| facts.causes.as_ref());
        if allowed.is_none_or(|allowed| allowed.contains(&cause)) {
            return;
        }
        *self.undeclared.entry((cause, new.kind)).or_default() += 1;
        let says = format!("{} causes it, which no contract declares", self.types.name(cause));
        self.name_of_saga(saga, Property::Transition, new, says);
    }

    /// Before the end of the journal is reached, what is absent may come.
    fn judge_due(&mut self, at_end: bool) {
        while let Some(saga) = self.sagas.next_due(self.clock) {
            let Some(log) = self.sagas.get(saga) else { continue };
            let quiet_at = log.last.saturating_add(self.patience);
            if quiet_at > self.clock {
                self.sagas.look_again(saga, quiet_at);
                continue;
            }
            let (broken, quiet) = log.broken_by_absence(&self.types, &self.services, self.patience);
            let may_stay = quiet == Quiet::Later || !log.has_ended(&self.types);
            if !at_end && !broken.is_empty() {
                self.sagas.suspect(saga);
                continue;
            }
            for (property, kept, says) in broken {
                self.name_of_saga(saga, property, kept, says);
            }
            if may_stay {
                self.sagas.look_again(saga, self.clock.saturating_add(self.patience));
            } else {
                self.sagas.forget(saga);
            }
        }
    }

    fn name_of_saga(&mut self, saga: Uuid, property: Property, kept: Kept, says: String) {
        let Some(log) = self.sagas.get_mut(saga) else { return };
        if log.named.contains(&property) {
            return;
        }
        log.named.push(property);
        let event = self.types.facts(kept.kind).map(|facts| facts.event);
        self.findings.name(Violation {
            property,
            saga: Some(saga),
            offset: kept.offset,
            at: Timestamp::from_millisecond(kept.at).unwrap_or_default(),
            service: event.map_or("", |event| event.service()).to_owned(),
            event_type: self.types.name(kept.kind).to_owned(),
            message_id: kept.id,
            says,
        });
    }
}

fn violation(property: Property, entry: &WatchedEntry<'_>, says: String) -> Violation {
    let named = || entry.event_type.split('.').next().unwrap_or_default();
    Violation {
        property,
        saga: entry.saga,
        offset: entry.offset,
        at: entry.at,
        service: entry.service.unwrap_or_else(named).to_owned(),
        event_type: entry.event_type.to_owned(),
        message_id: entry.message_id,
        says,
    }
}
