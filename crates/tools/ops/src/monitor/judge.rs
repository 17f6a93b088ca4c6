//! The state over all sagas: bounded, and forgetful by age.

use std::collections::{BTreeMap, HashMap, VecDeque};

use ballet_core::id::time_of;
use ballet_core::{Role, System};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::monitor::awaited_causes::AwaitedCauses;
use crate::monitor::entry::{EntryKind, WatchedEntry};
use crate::monitor::findings::{Findings, Tally};
use crate::monitor::known_ids::KnownIds;
use crate::monitor::property::{Property, Violation};
use crate::monitor::saga_log::{Kept, Quiet, SagaLog};
use crate::monitor::types::{Kind, Types, UNDECLARED};

const MOST_SAGAS: usize = 100_000;
/// The maximum number of entries of all sagas: some 130 MB.
const MOST_KEPT: usize = 2_000_000;
/// The maximum number of entries of a saga.
const MOST_ENTRIES: usize = 500;
/// A saga is judged again after this many milliseconds at least: with none, for ever in one call.
const LEAST_PATIENCE: i64 = 1_000;
/// The maximum difference between the clocks of ids, in milliseconds.
const CLOCKS: i64 = 60_000;

/// Judges sagas by the journal's entries in their order.
#[derive(Debug)]
pub struct Monitor {
    types: Types,
    patience: i64,
    sagas: HashMap<Uuid, SagaLog>,
    /// The number of entries of all sagas.
    kept: usize,
    /// When to look at each saga. What is absent then is missing, if nothing has come in between.
    due: VecDeque<(i64, Uuid)>,
    known: KnownIds,
    awaited: AwaitedCauses,
    /// Sagas that began up to this time may have been known before.
    floor: i64,
    /// The time of the newest entry, or the present once all has been read.
    clock: i64,
    /// The times up to which each service has handled messages.
    heard: Vec<i64>,
    /// The times up to which each service may repeat itself, because its database comes from a backup.
    restored: Vec<i64>,
    counts: Vec<u64>,
    undeclared: BTreeMap<(Kind, Kind), u64>,
    findings: Findings,
}

impl Monitor {
    /// What is absent counts as missing when its saga has been silent for this long.
    #[must_use]
    pub fn new(system: &System, patience: SignedDuration) -> Self {
        let types = Types::new(system);
        Self {
            patience: i64::try_from(patience.as_millis()).unwrap_or(i64::MAX).max(LEAST_PATIENCE),
            sagas: HashMap::new(),
            kept: 0,
            due: VecDeque::new(),
            known: KnownIds::default(),
            awaited: AwaitedCauses::default(),
            floor: i64::MAX,
            clock: i64::MIN,
            heard: vec![i64::MIN; types.service_count()],
            restored: vec![i64::MIN; types.service_count()],
            counts: vec![0; types.len()],
            undeclared: BTreeMap::new(),
            findings: Findings::default(),
            types,
        }
    }

    /// Takes the next entry.
    pub fn take(&mut self, entry: &WatchedEntry<'_>) {
        self.findings.tally.entries += 1;
        let at = entry.at.as_millisecond();
        if self.clock == i64::MIN {
            self.begin(at);
        }
        self.clock = self.clock.max(at);
        let kind = self.types.kind(entry.event_type);
        let service = entry.service.and_then(|service| self.types.service(service));
        self.awaited.came(entry.message_id);
        match (entry.kind, service) {
            (EntryKind::Event, _) => self.event(entry, kind, at),
            (EntryKind::OfDeadLetter, Some(service)) => {
                let log = entry.saga.and_then(|saga| self.sagas.get_mut(&saga));
                if let Some(log) = log.filter(|log| !log.excused.contains(&service)) {
                    log.excused.push(service);
                }
            }
            (EntryKind::Searched, Some(service)) => {
                if let Some(restored) = self.restored.get_mut(service) {
                    *restored = self.clock;
                }
            }
            (EntryKind::OfDeadLetter | EntryKind::Searched, None) => {}
        }
        self.known.add(entry.message_id, kind, self.clock);
        self.judge_due();
    }

    /// Says that all entries up to this time have been read.
    pub fn has_read_all(&mut self, now: Timestamp) {
        if self.clock != i64::MIN {
            self.clock = self.clock.max(now.as_millisecond());
            self.judge_due();
        }
    }

    /// Says that entries are missing before the next one: what is known is not judged by what it lacks.
    pub fn gap(&mut self) {
        self.sagas.values_mut().for_each(|log| log.is_whole = false);
        self.awaited = AwaitedCauses::default();
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
        self.known.begin(at);
        self.floor = at.saturating_sub(CLOCKS);
    }

    fn event(&mut self, entry: &WatchedEntry<'_>, kind: Kind, at: i64) {
        let Some(facts) = self.types.facts(kind) else { return };
        let (event, begins) = (facts.event, facts.begins);
        let is_copy = self.known.kind(entry.message_id).is_some();
        if let Some(by) = entry.service.filter(|by| !event.may_be_published_by(by)) {
            // No service takes it, so it is not part of its saga.
            if !is_copy {
                let says = format!("{by} publishes it, and {} owns it", event.service());
                self.findings.name(violation(Property::Publisher, entry, says));
            }
            return;
        }
        let Some(saga) = entry.saga.filter(|_| event.role() != Role::Plain) else {
            if !is_copy {
                self.counts[usize::from(kind)] += 1;
                self.judge_cause(entry, kind, None);
            }
            return;
        };
        let new = Kept { kind, id: entry.message_id, cause: entry.cause, at, offset: entry.offset };
        let is_whole = begins && at > self.floor;
        let clock = self.clock;
        let patience = self.patience;
        let due = &mut self.due;
        let log = self.sagas.entry(saga).or_insert_with(|| {
            due.push_back((clock.saturating_add(patience), saga));
            SagaLog::new(is_whole, at)
        });
        if log.of_id(new.id).is_some() {
            return;
        }
        log.last = clock;
        if log.entries.len() >= MOST_ENTRIES {
            if log.is_whole {
                log.is_whole = false;
                self.findings.tally.too_long += 1;
            }
            return;
        }
        let cause = new.cause.and_then(|cause| log.of_id(cause)).copied();
        let service = self.types.service_of(kind);
        let restored = service.and_then(|service| self.restored.get(service)).copied();
        let broken = log.broken_by(&self.types, &new);
        let may_repeat = restored.is_some_and(|restored| log.began <= restored);
        log.entries.push(new);
        self.kept += 1;
        self.counts[usize::from(kind)] += 1;
        if let Some((property, kept, says)) = broken.filter(|_| !may_repeat) {
            self.name_of_saga(saga, property, kept, says);
        }
        if let (Some(service), Some(cause)) = (service, cause) {
            self.heard[service] = self.heard[service].max(cause.at);
        }
        self.judge_cause(entry, kind, cause.map(|cause| cause.kind));
        if self.sagas.len() > MOST_SAGAS || self.kept > MOST_KEPT {
            self.forget_oldest();
        }
    }

    /// Judges whether a contract declares the cause. `of_saga` is its type if the saga has it.
    fn judge_cause(&mut self, entry: &WatchedEntry<'_>, kind: Kind, of_saga: Option<Kind>) {
        let (Some(cause), Some(facts)) = (entry.cause, self.types.facts(kind)) else { return };
        let Some(allowed) = &facts.causes else { return };
        match of_saga.or_else(|| self.known.kind(cause)) {
            // The contracts here may be older than the services.
            Some(UNDECLARED) => {}
            Some(of) if allowed.contains(&of) => {}
            Some(of) => {
                let count = self.undeclared.entry((of, kind)).or_default();
                *count += 1;
                let is_first = *count == 1;
                let says = format!("{} causes it, which no contract declares", self.types.name(of));
                self.name_transition(entry, is_first, says);
            }
            None => {
                let made = time_of(cause).map(Timestamp::as_millisecond);
                let is_remembered =
                    made.is_some_and(|made| made >= self.known.since.saturating_add(CLOCKS));
                if facts.needs_cause && is_remembered && self.awaited.has_room() {
                    let says = format!("its cause, the message {cause}, is not in the journal");
                    let due = self.clock.saturating_add(self.patience);
                    let violation = violation(Property::KnownCause, entry, says);
                    self.awaited.wait(due, cause, violation);
                }
            }
        }
    }

    fn judge_due(&mut self) {
        while let Some(violation) = self.awaited.missing(self.clock) {
            self.findings.name(violation);
        }
        while self.due.front().is_some_and(|(due, _)| *due <= self.clock)
            && let Some((_, saga)) = self.due.pop_front()
        {
            let Some(log) = self.sagas.get(&saga) else { continue };
            let quiet_at = log.last.saturating_add(self.patience);
            if quiet_at > self.clock {
                self.due.push_back((quiet_at, saga));
                continue;
            }
            let (broken, quiet) = log.broken_by_absence(&self.types, &self.heard, self.patience);
            let may_stay = quiet == Quiet::Later || !log.has_ended(&self.types);
            let began = log.began;
            for (property, kept, says) in broken {
                let service = self.types.service_of(kept.kind);
                let restored = service.and_then(|service| self.restored.get(service)).copied();
                if restored.is_none_or(|restored| began > restored) {
                    self.name_of_saga(saga, property, kept, says);
                }
            }
            if may_stay {
                self.due.push_back((self.clock.saturating_add(self.patience), saga));
            } else {
                self.forget(saga);
            }
        }
    }

    fn forget(&mut self, saga: Uuid) -> bool {
        let Some(log) = self.sagas.remove(&saga) else { return false };
        self.kept -= log.entries.len();
        self.floor = self.floor.max(log.began);
        true
    }

    fn forget_oldest(&mut self) {
        while let Some((_, saga)) = self.due.pop_front() {
            if self.forget(saga) {
                self.findings.tally.forgotten += 1;
                return;
            }
        }
    }

    fn name_of_saga(&mut self, saga: Uuid, property: Property, kept: Kept, says: String) {
        let Some(log) = self.sagas.get_mut(&saga) else { return };
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

    /// Once for a saga. An event outside of sagas is named at the first time.
    fn name_transition(&mut self, entry: &WatchedEntry<'_>, is_first: bool, says: String) {
        let property = Property::Transition;
        let is_new = match entry.saga.and_then(|saga| self.sagas.get_mut(&saga)) {
            Some(log) if log.named.contains(&property) => false,
            Some(log) => {
                log.named.push(property);
                true
            }
            None => is_first,
        };
        if is_new {
            self.findings.name(violation(property, entry, says));
        }
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
