//! What one version of a system's contracts says about events, looked up by service.

use std::collections::BTreeSet;

use ballet_core::{EventType, Key, Part, ServiceContract, TelemetryType};
use serde_json::Value;

use crate::bodies;
use crate::bodies::{of, of_name, schemas};
use crate::contracts::Contracts;

/// One version of a system's contracts.
pub(super) struct Promises {
    services: Vec<Promise>,
}

/// The contract of one service.
pub(super) struct Promise {
    pub(super) part: Part,
    schemas: Vec<(EventType, Value)>,
    keys: Vec<(EventType, Key)>,
    telemetry: Vec<(TelemetryType, Value)>,
}

impl Promises {
    pub(super) fn of(contracts: &Contracts) -> Self {
        let parts = contracts.system().parts.iter();
        let promise = |(part, contract): (&Part, &ServiceContract)| Promise {
            part: part.clone(),
            schemas: schemas(contract),
            keys: contract.keys().unwrap_or_default(),
            telemetry: bodies::telemetry(contract),
        };
        Self { services: parts.zip(contracts.contracts()).map(promise).collect() }
    }

    pub(super) fn service(&self, name: &str) -> Option<&Promise> {
        self.services.iter().find(|promise| promise.part.service == name)
    }

    pub(super) fn services(&self) -> impl Iterator<Item = &Promise> {
        self.services.iter()
    }

    pub(super) fn names(&self) -> BTreeSet<&'static str> {
        self.services.iter().map(|promise| promise.part.service).collect()
    }

    /// Whether a service publishes the event.
    pub(super) fn is_published(&self, event: EventType) -> bool {
        self.services().any(|promise| promise.part.emits().contains(&event))
    }

    /// The event as the service declares it that the event is named after, or any other that names it.
    pub(super) fn declared(&self, event: EventType) -> Option<EventType> {
        let mut named: Vec<&Promise> = self.services().collect();
        named.sort_by_key(|promise| promise.part.service != event.service());
        named.into_iter().find_map(|promise| promise.event(event))
    }

    /// The body of the event, likewise.
    pub(super) fn body(&self, event: EventType) -> Option<&Value> {
        let mut named: Vec<&Promise> = self.services().collect();
        named.sort_by_key(|promise| promise.part.service != event.service());
        named.into_iter().find_map(|promise| promise.schema(event))
    }

    /// The names of all telemetry.
    pub(super) fn telemetry(&self) -> BTreeSet<&'static str> {
        self.services().flat_map(Promise::telemetry).map(|one| one.name()).collect()
    }

    /// The services that read the telemetry.
    pub(super) fn read_by(&self, telemetry: &str) -> BTreeSet<&'static str> {
        let reads = self.services().filter(|one| one.reads_telemetry(telemetry).is_some());
        reads.map(|one| one.part.service).collect()
    }

    /// All events that are named.
    pub(super) fn events(&self) -> BTreeSet<EventType> {
        let all = self.services().flat_map(|promise| &promise.schemas);
        all.map(|(event, _)| *event).collect()
    }
}

impl Promise {
    pub(super) fn schema(&self, event: EventType) -> Option<&Value> {
        of(&self.schemas, event)
    }

    /// The event as this service declares it.
    pub(super) fn event(&self, event: EventType) -> Option<EventType> {
        self.schemas.iter().map(|(known, _)| *known).find(|known| *known == event)
    }

    /// The business keys that it declares of the event.
    pub(super) fn keys(&self, event: EventType) -> Vec<Key> {
        self.keys.iter().filter(|(of, _)| *of == event).map(|(_, key)| *key).collect()
    }

    /// The events that it names.
    pub(super) fn events(&self) -> impl Iterator<Item = EventType> {
        self.schemas.iter().map(|(event, _)| *event)
    }

    /// The telemetry that it names, as it declares it.
    pub(super) fn telemetry(&self) -> impl Iterator<Item = TelemetryType> {
        self.telemetry.iter().map(|(telemetry, _)| *telemetry)
    }

    /// The schema of the telemetry.
    pub(super) fn telemetry_schema(&self, name: &str) -> Option<&Value> {
        of_name(&self.telemetry, name)
    }

    /// What it writes of the telemetry.
    pub(super) fn writes_telemetry(&self, name: &str) -> Option<&Value> {
        let is_written = self.part.telemetry.iter().any(|one| one.name() == name);
        self.telemetry_schema(name).filter(|_| is_written)
    }

    /// What its readers read of the telemetry.
    pub(super) fn reads_telemetry(&self, name: &str) -> Option<&Value> {
        let is_read = self.part.readers.iter().any(|one| one.reads.name() == name);
        self.telemetry_schema(name).filter(|_| is_read)
    }

    /// What it writes of the event.
    pub(super) fn writes(&self, event: EventType) -> Option<&Value> {
        self.schema(event).filter(|_| self.part.emits().contains(&event))
    }

    /// What it reads of the event. The compensation of a step reads the step's outcome from the
    /// ledger.
    pub(super) fn reads(&self, event: EventType) -> Option<&Value> {
        let of_ledger = || {
            let mut steps = self.part.sagas.iter().flat_map(|saga| &saga.steps);
            steps.any(|step| step.done == event && step.kind.can_be_compensated())
        };
        self.schema(event).filter(|_| self.part.consumes().contains(&event) || of_ledger())
    }
}
